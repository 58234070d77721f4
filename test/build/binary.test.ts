import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { version } from '../../package.json'
import { builtBinary, runIn } from './binary.ts'

let folder: string
/** The binary alone, in a folder of its own, as it would be on another host. */
let kedge: string

beforeAll(() => {
  const home = mkdtempSync(join(tmpdir(), 'kedge-alone-'))
  kedge = join(home, 'kedge')
  copyFileSync(builtBinary(), kedge)
  folder = join(home, 'empty')
  mkdirSync(folder)
}, 60_000)
afterAll(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

// The environment is empty throughout: no PATH, no HOME.
const run = (...words: string[]) => runIn(folder, [kedge, ...words])

describe('the binary alone, in an empty folder with an empty environment', () => {
  test('says its version', () => {
    expect(run('version')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(run('version').stdout).toStartWith(`kedge ${version} (`)
    expect(run('--version').stdout).toBe(run('version').stdout)
  })

  test('plans the embedded reference lab, and says that it is that', () => {
    const { exitCode, stdout, stderr } = run('plan', '--offline', '--json')
    expect(exitCode).toBe(0)
    expect(stderr).toBe('no kedge.config.yaml here: using the embedded reference lab\n')
    const { instances } = JSON.parse(stdout) as { instances: { id: string; waitsFor: string[] }[] }
    expect(instances.find(({ id }) => id === 'join-edge@edge-1')?.waitsFor).toEqual([
      'disable-swap@edge-1',
      'install-edgecore@edge-1',
      'load-kubeedge-images@edge-1',
      'send-token@edge-1',
    ])
  })

  test('looking leaves nothing behind', () => {
    run('plan', '--offline')
    run('tasks')
    run('graph')
    run('schema')
    expect(readdirSync(folder)).toEqual([])
  })

  test('prints the schema that it checks files with', () => {
    const schema = JSON.parse(run('schema').stdout) as { properties: Record<string, unknown> }
    expect(Object.keys(schema.properties)).toContain('nodes')
  })

  test('unknown commands, tasks and options are a matter of usage, with the nearest name', () => {
    expect(run('rum')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('run') })
    expect(run('plan', '--offline', 'join-egde')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('join-edge'),
    })
    expect(run('plan', '--ofline')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--offline') })
    expect(run('run')).toMatchObject({ exitCode: 2 })
  })

  test('a bad file is shown with its place, exit 3, and nothing is made', () => {
    writeFileSync(join(folder, 'bad.yaml'), 'version: 1\nlab: x\nnetwroks: {}\n')
    const { exitCode, stdout, stderr } = run('-c', 'bad.yaml', 'run', 'all')
    rmSync(join(folder, 'bad.yaml'))
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
    expect(stderr).toContain('bad.yaml:3:1')
    expect(stderr).toContain('netwroks: {}')
    expect(stderr).toContain('networks')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a file that is not there is a matter of configuration', () => {
    expect(run('-c', 'nowhere.yaml', 'plan')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('nowhere.yaml'),
    })
  })

  test('.env, bunfig.toml and preloads lying about do nothing', () => {
    const trap = join(folder, 'trap')
    mkdirSync(trap)
    writeFileSync(join(trap, 'evil.ts'), `require('fs').writeFileSync(${JSON.stringify(join(trap, 'sprung'))}, '')`)
    writeFileSync(join(trap, '.env'), 'NO_COLOR=\nKEDGE_TRAP=1\n')
    writeFileSync(join(trap, 'bunfig.toml'), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n')
    writeFileSync(
      join(trap, 'kedge.config.yaml'),
      "version: 1\nlab: t\nextends: none\ntasks: { e: { on: hypervisor, sh: 'env' } }\n",
    )
    const seen = runIn(trap, [kedge, 'run', 'e', '-v'], { PATH: '/usr/bin:/bin' })
    expect(seen.exitCode).toBe(0)
    expect(seen.stderr).not.toContain('KEDGE_TRAP')
    expect(existsSync(join(trap, 'sprung'))).toBe(false)
    rmSync(trap, { recursive: true })
  })
})

test('runs own tasks in TypeScript with the zx and the kedge that it carries', () => {
  const lab = join(folder, 'own')
  mkdirSync(join(lab, 'tasks'), { recursive: true })
  writeFileSync(
    join(lab, 'kedge.config.yaml'),
    'version: 1\nlab: own\nextends: none\ntasks: { make-file: { on: hypervisor }, script: { on: hypervisor } }\n',
  )
  writeFileSync(
    join(lab, 'tasks/make-file.ts'),
    `import { doneIf, task } from 'kedge'
export default task({
  description: 'makes a file',
  async check({ $ }) { return doneIf((await $\`test -e made\`.nothrow()).exitCode === 0, 'no file') },
  async run({ $ }) { await $\`touch made\` },
})`,
  )
  writeFileSync(
    join(lab, 'tasks/script.mts'),
    "import { fs } from 'zx'\nconst text: string = 'zx'\nfs.writeFileSync('by-script', text)\n",
  )
  const { exitCode, stderr } = runIn(lab, [kedge, 'run', 'all'], { PATH: '/usr/bin:/bin' })
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(readdirSync(lab).sort()).toEqual(['.kedge', 'by-script', 'kedge.config.yaml', 'made', 'tasks'])
})

test('a hypervisor without libvirt is no bug of kedge: what is wrong and what to do, exit 5', () => {
  const lab = join(folder, 'no-libvirt')
  mkdirSync(lab)
  // Programs of an ordinary machine, libvirt's not among them.
  const bin = join(lab, 'bin')
  mkdirSync(bin)
  for (const name of ['bash', 'cat']) symlinkSync(`/bin/${name}`, join(bin, name))
  const { exitCode, stderr } = runIn(lab, [kedge, 'destroy', '--yes'], { PATH: bin })
  expect({ exitCode, stderr }).toEqual({
    exitCode: 5,
    stderr: expect.stringContaining('there is no virsh on the hypervisor'),
  })
  expect(stderr).not.toContain('bug')
  rmSync(lab, { recursive: true })
})
