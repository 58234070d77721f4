import { userInfo } from 'node:os'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'

/** This machine behind a real sshd, with some of its folders covered: what is changed there nobody else sees. */
export type CoveredMachine = {
  readonly sshd: Sshd
  /** Runs on the machine, as kedge's commands do. */
  onNode(script: string): string
  stop(): Promise<void>
}

/** Whether folders can be covered here so that nobody else sees it. */
export const canCover =
  sshdPath !== undefined &&
  userInfo().uid === 0 &&
  Bun.spawnSync(['unshare', '-m', 'sh', '-c', coverings('/mnt', ['/etc'])]).exitCode === 0

/** `scratch` is an empty folder; what lies in `programs` is found before the machine's own programs. */
export async function coveredMachine(
  scratch: string,
  folders: readonly string[],
  programs: string,
): Promise<CoveredMachine> {
  const holder = Bun.spawn(
    ['unshare', '-m', 'sh', '-c', `${coverings(scratch, folders)}\necho covered\nexec sleep 10000`],
    { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
  )
  const first = await holder.stdout.getReader().read()
  if (!first.value) throw new Error('the folders could not be covered')
  const inside = [
    'nsenter',
    `--mount=/proc/${holder.pid}/ns/mnt`,
    '--wd=/',
    'env',
    `PATH=${programs}:/usr/sbin:/usr/bin:/sbin:/bin`,
  ]
  const sshd = await startSshd({ config: [`ForceCommand exec ${inside.join(' ')} sh -c "$SSH_ORIGINAL_COMMAND"`] })
  return {
    sshd,
    onNode: (script) => Bun.spawnSync([...inside, 'bash', '-c', script]).stdout.toString(),
    async stop() {
      await sshd.stop()
      holder.kill('SIGKILL')
      await holder.exited
    },
  }
}

/** Changes to these folders go to memory, and are gone with the namespace. */
function coverings(scratch: string, folders: readonly string[]): string {
  const each = folders.flatMap((folder, at) => [
    `mkdir ${scratch}/upper${at} ${scratch}/work${at}`,
    `mount -t overlay overlay -o lowerdir=${folder},upperdir=${scratch}/upper${at},workdir=${scratch}/work${at} ${folder}`,
  ])
  return ['set -e', `mount -t tmpfs tmpfs ${scratch}`, ...each].join('\n')
}
