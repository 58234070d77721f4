import { afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { builtBinary } from '../build/binary.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { nodeOn, type SshLab, sshLab } from './ssh-lab.ts'

/** Of memory, whatever is printed: the promise, for kedge as it is shipped. */
const limitMiB = 150
/** `KEDGE_LOAD=1`, as `npm run load` says it: the whole flood. */
const isWhole = Boolean(process.env.KEDGE_LOAD)
const floodBytes = isWhole ? 500_000_160 : 64_000_080
const limitMilliseconds = isWhole ? 1_800_000 : 600_000

let sshd: Sshd | undefined
let lab: SshLab
beforeAll(() => void builtBinary(), 300_000)
beforeEach(async () => {
  sshd = sshdPath ? await startSshd() : undefined
  lab = sshLab(sshd ? [sshd] : [], [builtBinary()])
})
afterEach(async () => {
  lab.remove()
  await sshd?.stop()
})

/** Short lines, of which each is an event; `head` ends the flood, which is no failure. */
const flood = (bytes: number, on: string) => `  flood:
    on: ${on}
    timeout: 1h
    sh: |
      echo the beginning
      yes ${'x'.repeat(59)} | head -n ${bytes / 60} || true
      echo the end
`

/** What `kedge logs` makes of it, through a pipe that keeps no more than what is looked for. */
async function logOf(pattern: string): Promise<readonly string[]> {
  const words = ['sh', '-c', `"$@" logs flood | grep -a -n -e '${pattern}'`, 'sh', builtBinary()]
  const child = Bun.spawn(words, { cwd: lab.folder, stdout: 'pipe' })
  return (await new Response(child.stdout).text()).trimEnd().split('\n')
}

test.each(sshdPath ? ['hypervisor', 'pi'] : ['hypervisor'])(
  `a command that prints ${Math.round(floodBytes / 1_000_000)} MB, on %s: memory and logs have their bounds; how it began and ended is kept`,
  async (on) => {
    lab.config(sshd ? { pi: nodeOn(sshd) } : {}, flood(floodBytes, on))
    const { exitCode, stderr, peakMiB } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(peakMiB).toBeGreaterThan(20)
    expect(peakMiB).toBeLessThanOrEqual(limitMiB)
    console.info(`      ${Math.round(peakMiB)} MiB at most`)

    const [run] = readdirSync(join(lab.folder, '.kedge/faults/runs'))
    const folder = join(lab.folder, '.kedge/faults/runs', run as string)
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size)
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(65 * 1024 * 1024)
    const [first, cut, last, ...more] = await logOf('Z   the \\|not kept')
    expect(first).toMatch(/^\d+:\S+ {3}the beginning$/)
    expect(cut).toMatch(/:… [\d.]+ MiB that were printed here are not kept …$/)
    expect(last).toMatch(/^\d+:\S+ {3}the end$/)
    expect(more).toEqual([])
  },
  limitMilliseconds,
)

test(
  'events for a reader that is slow wait with the command that prints, and every line of them is whole',
  async () => {
    const bytes = floodBytes / 4
    lab.config({}, flood(bytes, 'hypervisor'))
    const run = Bun.spawn([builtBinary(), 'run', 'all', '--json'], {
      cwd: lab.folder,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    let peakKiB = 0
    let rest = ''
    let lines = 0
    const decoder = new TextDecoder()
    for await (const chunk of run.stdout) {
      const [...whole] = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = whole.pop() ?? ''
      for (const line of whole) if (JSON.parse(line).stream === 'stdout') lines += 1
      const status = readFileSync(`/proc/${run.pid}/status`, 'utf8')
      peakKiB = Math.max(peakKiB, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0))
      await Bun.sleep(1)
    }
    expect(await run.exited).toBe(0)
    expect(rest).toBe('')
    expect(lines).toBe(bytes / 60 + 2)
    expect(peakKiB / 1024).toBeLessThanOrEqual(limitMiB)
    console.info(`      ${Math.round(peakKiB / 1024)} MiB at most`)
  },
  limitMilliseconds,
)
