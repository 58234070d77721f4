import { afterAll, beforeAll, describe, expect, setDefaultTimeout } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Event } from '../../lib/event/event.ts'
import { reportFormats } from '../../lib/report/report.ts'
import { findSecretsInText } from '../secrets/find-secrets.ts'
import { type Shown, watchProcesses } from '../secrets/watch-processes.ts'
import { check } from './check.ts'
import { down, type Ground, labFilePath, standing, up } from './ground.ts'
import { labFrom } from './lab.ts'
import { labFile, labFileIn } from './lab-file.ts'
import { findAstray, secretsOf, shownAstray } from './lab-secrets.ts'
import { inside, processesIn, shellInside } from './namespace.ts'
import { proofLines, proveWords } from './prove.ts'
import { $ } from './shell.ts'
import { stepsOn } from './step.ts'
import { watchNodes } from './watch-nodes.ts'

/*
 * The whole story on real VMs. It takes root, ten minutes and more, and several GiB, so it runs only when it is asked for.
 * The tests build on one another, in this order; after the first failure the rest have nothing to stand on.
 */
/** Nothing here is timed; what hangs is noticed after this. */
const wholeLab = 45 * 60_000
const wanted = process.env.KEDGE_LAB === '1'
if (!wanted)
  console.log('lab: skipped, since it boots VMs and needs root; KEDGE_LAB=1 bun test test/lab/lab.test.ts runs it')

const lab = labFrom()
const kedge = process.env.KEDGE_LAB_KEDGE ?? join(import.meta.dir, '../../dist/kedge')
/** The lab in one file, alone in a folder: from here on nothing else of the lab's is used. */
const alone = join(lab.folder, 'alone')
const pack = join(alone, 'kedge-lab')
let ground: Ground
const step = stepsOn(lab)
/** Seconds since 1970. */
const begun = Math.floor(Date.now() / 1000)
const nodes = ['master', 'edge-1', 'edge-2']
const allNodes = [...nodes, 'worker']
/** What processes showed here and on the nodes while the lab was built. */
let shown: readonly Shown[] = []

type Outcome = { readonly code: number; readonly events: Event[]; readonly output: string }

/** Runs a kedge; stderr, where people read, passes through. What it knows of the lab lies where the lab's own tools look. */
async function runIn(folder: string, command: readonly string[]): Promise<Outcome> {
  const [program = '', ...words] = command
  const child = Bun.spawn(inside(lab.name, [program, '--state', join(lab.folder, '.kedge'), ...words]), {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = await new Response(child.stdout).text()
  const events =
    words.includes('--json') && words[0] === 'run'
      ? output
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  return { code: await child.exited, events, output }
}
const run = (...words: string[]) => runIn(alone, [pack, ...words])

const ofType = <T extends Event['type']>(events: Event[], type: T) =>
  events.filter((event): event is Extract<Event, { type: T }> => event.type === type)

const startedNodes = ({ events }: Outcome) =>
  [...new Set(ofType(events, 'task-started').map(({ node }) => node))].sort()
const failures = ({ events }: Outcome) => ofType(events, 'task-failed').map(({ id, failure }) => ({ id, failure }))

describe.skipIf(!wanted)('a lab on real VMs', () => {
  setDefaultTimeout(wholeLab)

  beforeAll(async () => {
    // A lab that stands already, for who works on the later steps.
    const reuse = process.env.KEDGE_LAB_REUSE === '1'
    if (!reuse) await down(lab)
    ground = reuse
      ? await standing(lab)
      : // The worker comes later: a machine fewer to emulate while the whole lab is built.
        await up(lab, process.env, (options) => labFile({ ...options, isWorkerless: true }))
    if (!existsSync(kedge)) throw new Error(`${kedge} is missing: bun run build`)
  }, wholeLab)
  afterAll(async () => {
    await down(lab)
  }, wholeLab)

  step('kedge pack makes one file of kedge, lab file and bundle', async () => {
    if (existsSync(pack)) return
    await mkdir(alone)
    expect((await runIn(ground.folder, [kedge, 'pack', '-o', pack])).code).toBe(0)
    // The links that the bundle's pieces are cost nothing; what is gone cannot be used by mistake.
    await rm(join(ground.folder, 'bundle'), { recursive: true })
    expect((await run('bundle', 'verify')).code).toBe(0)
  })

  step('the pack alone brings every instance to done, and no node reaches for the internet', async () => {
    const here = watchProcesses(200)
    const there = watchNodes(lab, nodes)
    const { code, output } = await run(...proveWords)
    const onNodes = await there.stop()
    shown = [...here.stop().shown, ...onNodes.shown]
    expect(onNodes.watched.toSorted()).toEqual(nodes.toSorted())
    expect(output).not.toBe('')
    expect(proofLines(output).filter(({ ok }) => !ok)).toEqual([])
    expect(JSON.parse(output).nodes.toSorted()).toEqual(nodes.toSorted())
    // All but what makes the VMs.
    expect(JSON.parse(output).ran).toBeGreaterThan(25)
    expect(code).toBe(0)
  })

  step('the report has a line for every node', async () => {
    const { code, output } = await run('report')
    expect(code).toBe(0)
    for (const node of nodes) expect(output).toContain(node)
  })

  step('virsh and OpenSSH find what the file says', async () => {
    expect((await check(lab, ground)).filter(({ ok }) => !ok)).toEqual([])
  })

  step('a second run changes nothing', async () => {
    const outcome = await run('run', 'all', '--json')
    expect(outcome.code).toBe(0)
    expect(ofType(outcome.events, 'task-started')).toEqual([])
  })

  step('a worker joins, and nothing but it is touched', async () => {
    const text = await readFile(labFilePath(lab), 'utf8')
    const changed = labFileIn(text, { isWorkerless: false })
    await writeFile(labFilePath(lab), changed)
    // A lab file beside the pack is worked on instead of the one within; without a word of a bundle it is the pack's.
    await writeFile(join(alone, 'kedge.config.yaml'), changed.replace(/^bundle: .*\n/m, ''))
    const outcome = await run('run', 'join-worker', '--json')
    expect(failures(outcome)).toEqual([])
    expect(outcome.code).toBe(0)
    expect(startedNodes(outcome)).toEqual(['worker'])
    expect((await check(lab, ground)).filter(({ ok }) => !ok)).toEqual([])
  })

  step(
    'no secret that was made is anywhere but at its home: files, journals, processes, what kedge prints',
    async () => {
      const secrets = await secretsOf(lab)
      const names = secrets.map(({ name }) => name)
      // Host keys and the lab's own; the join token, CloudCore's and Kubernetes' CAs, a bootstrap token, an edge's key.
      for (const wanted of [
        /^key edge-2\.host$/,
        /^key lab$/,
        /tokensecret: tokendata/,
        /casecret: /,
        /bootstrap-token/,
        /^master:.*\/ca\.key/,
        /^edge-1:.*\/server\.key/,
      ])
        expect(names.some((name) => wanted.test(name)) ? '' : names).toBe('')
      const { astray, looked } = await findAstray(lab, secrets, begun)
      expect(astray).toEqual([])
      expect(looked.toSorted()).toEqual(['hypervisor', ...allNodes].toSorted())
      const { astray: onShow, joins } = shownAstray(secrets, shown)
      expect(onShow).toEqual([])
      // Here it has to be: otherwise nobody looked.
      expect(joins).toEqual(['edge-1', 'edge-2'])
      for (const words of [...Object.keys(reportFormats).map((format) => ['report', '--format', format]), ['logs']]) {
        expect(findSecretsInText(secrets, words.join(' '), (await run(...words)).output)).toEqual([])
      }
    },
  )

  step('destroy leaves no domain, network, bridge or disk', async () => {
    expect((await run('destroy', '--yes')).code).toBe(0)
    const names = await $`virsh -q -c ${ground.uri} list --all --name; virsh -q -c ${ground.uri} net-list --all --name`
    expect(names.stdout.trim()).toBe('')
    const links = await shellInside(lab.name)`ip -o link | awk -F': ' '{ print $2 }'`
    expect(links.lines()).toEqual(['lo'])
    // The base image is shared by all labs of a storage folder and may stay; nothing of this lab does.
    const left = await readdir(join(ground.folder, 'storage')).catch(() => [])
    expect(left.filter((name) => !name.startsWith('base-'))).toEqual([])
  })

  step('down leaves no process, namespace, mount or folder, and may be said twice', async () => {
    await down(lab)
    await down(lab)
    expect(await processesIn(lab.name)).toEqual([])
    expect(existsSync(`/run/netns/${lab.name}`)).toBe(false)
    expect(existsSync(lab.folder)).toBe(false)
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(`/${lab.name} `)
    const commands = await $`cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '`.nothrow()
    expect(commands.stdout).not.toContain(`${lab.folder}/`)
  })
})
