const keptBytes = 4 * 1024 * 1024
const smallBytes = 4096

export type OutputStore = { readonly stdout: Buffer[]; readonly stderr: Buffer[]; readonly stdall: Buffer[] }

/** What zx keeps of a command's output: of each stream the last 4 MiB, so that a task that prints 500 MB costs no more. */
export const createOutputStore = (): OutputStore => ({ stdout: ring(), stderr: ring(), stdall: ring() })

/** A plain array whose `push` evicts from the front; the last chunk always stays. */
function ring(): Buffer[] {
  const chunks: Buffer[] = []
  let bytes = 0
  const push = (...added: Buffer[]): number => {
    for (const chunk of added) {
      bytes += chunk.length
      const last = chunks.at(-1)
      // A buffer of a few bytes weighs more than they do and pins the block that it was cut from.
      if (last && last.length + chunk.length <= smallBytes) chunks[chunks.length - 1] = Buffer.concat([last, chunk])
      else chunks[chunks.length] = chunk.length <= smallBytes ? Buffer.from(chunk) : chunk
    }
    while (bytes > keptBytes && chunks.length > 1) bytes -= chunks.shift()?.length ?? 0
    return chunks.length
  }
  return Object.defineProperty(chunks, 'push', { value: push })
}
