import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { check } from './check.ts'
import { keepEvidence } from './evidence.ts'
import { down, type Ground, standing, up } from './ground.ts'
import { sshCommand } from './guests.ts'
import { labFrom } from './lab.ts'
import { inside } from './namespace.ts'
import { phase, say } from './progress.ts'

const usage = `The lab: nodes for kedge on this machine, in a network namespace of their own. Needs root, Debian or Ubuntu.

  bun run lab [all] [--keep]   up, kedge run all, check, report, down; --keep leaves it standing
  bun run lab up               packages, VM image, bundle, libvirtd: the ground
  bun run lab run [WORDS…]     kedge run WORDS… (default: all) on it
  bun run lab check            looks at the VMs and networks without kedge
  bun run lab ssh NODE [-- …]  a shell on a node, without kedge
  bun run lab shell            a shell inside the namespace, with $KEDGE
  bun run lab down             removes everything but the cache

KEDGE_LAB_NAME, KEDGE_LAB_WORK, KEDGE_LAB_CACHE move it; KEDGE_LAB_ACCELERATOR=kvm|tcg decides what else is tried;
KEDGE_LAB_KEDGE is the executable; KEDGE_BUNDLE, KEDGE_KUBERNETES, KEDGE_KUBEEDGE bring real programs.
`

const project = join(import.meta.dir, '../..')
const lab = labFrom()

const run = async (command: string[], cwd: string): Promise<number> => {
  const env = { ...process.env, KEDGE: await kedge(), LIBVIRT_DEFAULT_URI: (await standing(lab)).uri }
  const child = Bun.spawn(inside(lab.name, command), { cwd, env, stdio: ['inherit', 'inherit', 'inherit'] })
  const forward = () => child.kill('SIGTERM')
  process.on('SIGTERM', forward)
  try {
    return await child.exited
  } finally {
    process.off('SIGTERM', forward)
  }
}

/** The executable under test, built when it is not there. */
async function kedge(): Promise<string> {
  const given = process.env.KEDGE_LAB_KEDGE
  if (given) return given
  const built = join(project, 'dist/kedge')
  if (!existsSync(built)) {
    await phase('bun run build', async () => {
      const child = Bun.spawn([process.execPath, 'run', 'build'], { cwd: project, stdio: ['ignore', 2, 2] })
      if ((await child.exited) !== 0) throw new Error('kedge does not build')
    })
  }
  return built
}

async function all(keep: boolean): Promise<number> {
  let code = 1
  try {
    const executable = await kedge()
    const ground = await up(lab)
    code = await phase('kedge run all', () => run([executable, 'run', 'all'], ground.folder))
    if (code === 0) code = await checked(ground)
    await run([executable, 'report'], ground.folder)
    if (code !== 0) say(`what the VMs and kedge wrote is kept in ${await keepEvidence(lab)}`)
  } finally {
    if (keep) say(`the lab stands: 'bun run lab shell' to look around, 'bun run lab down' to remove it`)
    else await phase('teardown', () => down(lab))
  }
  return code
}

async function checked(ground: Ground): Promise<number> {
  const lines = await phase('checks without kedge', () => check(lab, ground))
  for (const { ok, text } of lines) console.log(`${ok ? 'ok  ' : 'FAIL'} ${text}`)
  return lines.every(({ ok }) => ok) ? 0 : 1
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  const [command = 'all', ...words] = positionals
  if (values.help) {
    console.log(usage)
    return 0
  }
  // Ctrl-C reaches kedge as well, which stops by itself; the lab waits for it and then cleans up.
  process.on('SIGINT', () => say('interrupted: cleaning up'))
  process.on('SIGTERM', () => say('told to end: cleaning up'))
  switch (command) {
    case 'all':
      return await all(values.keep === true)
    case 'up':
      await up(lab)
      return 0
    case 'run':
      return await run([await kedge(), 'run', ...(words.length > 0 ? process.argv.slice(3) : ['all'])], lab.folder)
    case 'check':
      return await checked(await standing(lab))
    case 'ssh': {
      const [node = '', ...remote] = words
      return await run(await sshCommand(lab, node, remote), lab.folder)
    }
    case 'shell':
      return await run([process.env.SHELL ?? '/bin/bash'], lab.folder)
    case 'down':
      await phase('teardown', () => down(lab))
      return 0
    default:
      process.stderr.write(usage)
      return 2
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
