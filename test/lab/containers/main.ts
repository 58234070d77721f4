import { labFrom } from '../lab.ts'
import { inside } from '../namespace.ts'
import { homeOf, sshTo } from './containers.ts'
import { down, up } from './ground.ts'
import { containers } from './lab-file.ts'

const usage = `The reference lab as system containers on this machine. Needs root, Debian or Ubuntu.

  bun test/lab/containers/main.ts up
  bun test/lab/containers/main.ts kedge WORDS…        kedge on it
  bun test/lab/containers/main.ts ssh NODE [COMMAND…]
  bun test/lab/containers/main.ts down
`

const lab = labFrom()
const [command = '', ...words] = process.argv.slice(2)

const run = async (argv: readonly string[]): Promise<number> => {
  const env = { ...process.env, HOME: homeOf(lab) }
  return await Bun.spawn([...argv], { cwd: lab.folder, env, stdio: ['inherit', 'inherit', 'inherit'] }).exited
}

if (command === 'up') await up(lab)
else if (command === 'down') await down(lab)
else if (command === 'kedge') {
  const kedge = process.env.KEDGE_LAB_KEDGE ?? `${import.meta.dir}/../../../dist/kedge`
  process.exitCode = await run(inside(lab.name, [kedge, ...words]))
} else if (command === 'ssh') {
  const [node = '', ...remote] = words
  process.exitCode = await run(sshTo({ lab, containers }, node, remote))
} else {
  process.stderr.write(usage)
  process.exitCode = 2
}
