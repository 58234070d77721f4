import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Finished, type SshLab, sshLab } from './ssh-lab.ts'

/** What programs print of a fault, and what kedge makes of it at the end of a run: cause and cure. */
const faults = [
  [
    'a token that has expired',
    'failed to get edge certificate from the cloudcore, error: failed to call http, code: 401, message: token validation failure, err: Token is expired',
    'the join token has expired',
    'kedge run join-edge',
  ],
  [
    'a token of another CA',
    'E1 failed to validate CA certificate. tokenCAhash: 12ab, CAhash: 34cd',
    'the join token belongs to another CA',
    'kedge run join-edge',
  ],
  [
    'a token signed by another CA',
    'code: 401, message: token validation failure, err: signature is invalid',
    'signed with the key of another CA',
    'kedge run join-edge',
  ],
  [
    'a token cut short',
    'failed to get CA certificate, err: token credentials are in the wrong format',
    'the join token is damaged: it is not hash.JWT',
    'kedge run join-edge',
  ],
  [
    'port 10000 blocked',
    'websocket dial failed: dial tcp 192.168.24.1:10000: i/o timeout',
    'CloudCore does not answer on 192.168.24.1:10000',
    'kedge run open-ports init-cloudcore',
  ],
  [
    'port 10002 blocked',
    'Get https://192.168.24.1:10002/ca.crt: dial tcp 192.168.24.1:10002: connect: no route to host',
    'CloudCore does not answer on 192.168.24.1:10002',
    'kedge run open-ports init-cloudcore',
  ],
  [
    'a clock that is behind',
    'x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before 2026-01-01T00:02:00Z',
    'is behind: it says 2026-01-01T00:00:00Z',
    'date -s',
  ],
  ['a full disk', 'tar: ./kubelet: Cannot write: No space left on device', 'a disk of hypervisor is full', 'df -h'],
] as const

let lab: SshLab
let run: Finished
beforeAll(async () => {
  lab = sshLab()
  // One run for all of them: each must stand by itself among the others.
  const tasks = faults.map(
    ([, printed], at) => `  fault-${at}: { on: hypervisor, sh: 'echo "${printed}" >&2; exit 1' }\n`,
  )
  lab.config({}, tasks.join(''))
  run = await lab.kedge('run', 'all')
}, 120_000)
afterAll(() => lab.remove())

test.each(faults.map((fault, at) => [fault[0], at] as const))(
  '%s: the end of the run names cause and cure',
  (_, at) => {
    const [, printed, cause, cure] = faults[at] as (typeof faults)[number]
    expect(run.exitCode).toBe(5)
    const part = run.stderr.split('\n\n').find((text) => text.startsWith(`fault-${at}@`)) ?? ''
    expect(part).toContain(printed)
    expect(/^ {2}cause +(.*)$/m.exec(part)?.[1]).toContain(cause)
    expect(/^ {2}cure +(.*)$/m.exec(part)?.[1]).toContain(cure)
  },
)
