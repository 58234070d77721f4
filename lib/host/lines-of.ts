/** What a command printed, line by line, without empty ones; zx's own `lines()` takes in stderr as well. */
export const linesOf = ({ stdout }: { readonly stdout: string }): readonly string[] =>
  stdout.split('\n').filter((line) => line !== '')
