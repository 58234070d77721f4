// Runs a command that prints 500 MB, locally or over SSH, and prints what that cost: the peak of the memory, in MiB.
import { readFileSync } from 'node:fs'
import { localConnection } from '../../../lib/host/local.ts'
import { sshConnection } from '../../../lib/host/ssh.ts'
import { startSshd } from '../sshd.ts'

const flood = 'yes "a line of output that a task may well print now and then" | head -c 500000000'
const isRemote = process.argv[2] === 'ssh'
const sshd = isRemote ? await startSshd() : undefined
const target = sshd?.target()
const connection = target?.hostKeys
  ? sshConnection({ name: 'node', target, hostKeys: target.hostKeys })
  : localConnection()
let lines = 0
const { $ } = connection.bind({
  signal: new AbortController().signal,
  onOutput: () => {
    lines += 1
  },
})
const output = await $`bash -c ${flood}`
if (process.argv[3] === 'lines') for await (const line of $`bash -c ${flood}`) lines += line.length > 0 ? 1 : 0
await connection.close()
await sshd?.stop()
const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
console.log(JSON.stringify({ peakMiB: Math.round(peak), lines, keptBytes: output.stdout.length }))
