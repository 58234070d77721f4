import type { Shell } from '../host/host.ts'
import { linesOf } from '../host/lines-of.ts'

/** `address:port` that does not take a TCP connection, and how it does not. */
export type SilentPort = { readonly target: string; readonly how: 'refused' | 'no answer in 15 s' }

/** Which of these do not answer when asked from this machine, all at once; nothing but bash is needed there. */
export async function silentPorts(
  { $ }: { readonly $: Shell },
  addresses: readonly string[],
  ports: readonly number[],
): Promise<readonly SilentPort[]> {
  const targets = addresses.flatMap((address) => ports.map((port) => `${address}/${port}`))
  const answers = await $`for target in ${targets}; do
  { timeout 15 bash -c "exec 3<>/dev/tcp/$target" 2>/dev/null || echo "$target $?"; } &
done
wait`
  const codes = new Map(linesOf(answers).map((line) => line.split(' ') as [target: string, exitCode: string]))
  return targets.flatMap((target) =>
    codes.has(target)
      ? [{ target: target.replace('/', ':'), how: codes.get(target) === '124' ? 'no answer in 15 s' : 'refused' }]
      : [],
  )
}
