import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Attempt } from '../../lib/isolation/attempts.ts'
import { type CutOffLab, type CutOffOptions, canCutOff, cutOffLab } from './cut-off-lab.ts'

setDefaultTimeout(240_000)
if (!canCutOff) console.log('isolation: skipped, since it needs root, an sshd, nft, ip and ss')

/** Everything that is changed for a proof, and must be as it was. */
const state = `
  ls -l /etc/resolv.conf; cat /etc/resolv.conf /run/systemd/resolve/*.conf /etc/nsswitch.conf
  ip -o route show table all | grep -v '^local\\|^broadcast\\|^multicast\\|^anycast'; ip -6 -o route show table main
  ip rule; ip -6 rule; ip -o link | cut -d: -f2; nft list ruleset; cut -d ' ' -f 5 /proc/self/mountinfo; ls /run`

let lab: CutOffLab | undefined
const make = async (name: string, options?: CutOffOptions) => {
  lab = await cutOffLab(name, options)
  return lab
}
afterEach(async () => {
  await lab?.remove()
  lab = undefined
})

type Verdict = {
  readonly verdict: string
  readonly run: string
  readonly attempts: readonly Attempt[]
  readonly localNames: Readonly<Record<string, readonly string[]>>
  readonly ran: number
  readonly before: number
  readonly remarks: readonly string[]
}

async function prove({ kedge }: CutOffLab): Promise<Verdict & { readonly exitCode: number }> {
  const { exitCode, stdout, stderr } = await kedge('bundle', 'prove', '--yes', '--json')
  try {
    return { exitCode, ...(JSON.parse(stdout) as Verdict) }
  } catch {
    throw new Error(`exit code ${exitCode}: ${stderr}`)
  }
}

const inShort = ({ target, processes, tasks }: Attempt) => {
  const where =
    target.kind === 'name' ? target.name : [target.address, target.protocol, target.port ?? ''].join(' ').trim()
  return [where, processes.map(({ name }) => name).join(' '), tasks.join(' ')].join(' | ')
}

/** As a task's script would: without waiting longer than it is told anything. */
const python = (text: string) => `python3 -c '${text}' || true`
const connect = (family: string, address: string, port: number) =>
  python(`import socket; socket.socket(socket.${family}).connect(("${address}", ${port}))`)

test.skipIf(!canCutOff)(
  'each attempt is there with what was reached for, by whom, in which task, and nothing else',
  async () => {
    const { config, on, ...rest } = await make('e-all')
    config(`  names:
    on: pi
    sh: |
      getent ahosts registry-1.docker.io || true
      getent hosts pi || true
      getent hosts 7.71.168.192.in-addr.arpa || true
  addresses:
    on: pi
    needs: [names]
    sh: |
      ${connect('AF_INET', '198.51.100.7', 443)}
      ${connect('AF_INET6', '2001:db8::7', 443)}
      ${python('import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b"x", ("198.51.100.7", 123))')}
      nsenter --net=/run/netns/pod ${connect('AF_INET', '203.0.113.80', 80)}
  lan:
    on: pi
    needs: [addresses]
    sh: |
      ${python('import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b"x", ("192.168.71.1", 123))')}
      ${python('import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b"x", ("224.0.0.251", 5353))')}
      ${python('import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.setsockopt(1, 6, 1); s.sendto(b"x", ("255.255.255.255", 67))')}
      ${python('import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b"x", ("ff02::fb%lan0", 5353))')}
      ${connect('AF_INET', '10.96.0.1', 443)}
      ${connect('AF_INET', '192.168.71.77', 80)} & sleep 1; kill $! 2>/dev/null || true
      nsenter --net=/run/netns/pod ${connect('AF_INET', '10.244.9.9', 80)}
`)
    const before = await on(state)
    const { exitCode, verdict, attempts, localNames, ran } = await prove({ config, on, ...rest })
    expect(attempts.map(inShort).sort()).toEqual([
      '198.51.100.7 tcp 443 | python3 | addresses',
      '198.51.100.7 udp 123 |  | addresses',
      '2001:db8::7 tcp 443 | python3 | addresses',
      '203.0.113.80 tcp 80 | python3 | addresses',
      'registry-1.docker.io | getent | names',
    ])
    expect(attempts.every(({ node }) => node === 'pi')).toBe(true)
    expect(attempts.find(({ target }) => target.kind === 'address' && target.port === 80)?.from).toBe('10.244.7.5')
    expect(localNames.pi).toContain('pi')
    expect({ exitCode, verdict, ran }).toEqual({ exitCode: 5, verdict: 'attempts', ran: 3 })
    expect(await on(state)).toBe(before)
  },
)

test.skipIf(!canCutOff)(
  'while it lasts the node looks like one without internet, to every program that asks',
  async () => {
    const lab = await make('e-looks')
    lab.config(`  looks:
    on: pi
    sh: |
      test -z "$(ip route show default)$(ip -6 route show default)"
      ! grep -q ^nameserver /etc/resolv.conf
      ! grep -q ^nameserver /run/systemd/resolve/resolv.conf
      awk '$2 == "00000000" { exit 1 }' /proc/net/route
      # What it costs a program, in errors.
      python3 - <<'PY'
      import errno, socket
      try: socket.getaddrinfo("example.org", 443)
      except socket.gaierror as error: assert error.errno == socket.EAI_AGAIN, error
      for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
          try:
              s = socket.socket(type=kind); s.connect(("198.51.100.7", 443)); s.send(b"x")
              raise SystemExit("it was sent")
          except OSError as error: assert error.errno == errno.ENETUNREACH, error
      PY
`)
    const { attempts, run, verdict } = await prove(lab)
    expect(run).toBe('ok')
    expect(attempts.map(({ target }) => ('name' in target ? target.name : target.kind)).sort()).toEqual([
      'address',
      'address',
      'example.org',
    ])
    expect(verdict).toBe('attempts')
  },
)

test.skipIf(!canCutOff)(
  'a run that reaches for nothing is closed; one in which nothing runs is no proof; a bare file is said',
  async () => {
    const lab = await make('e-closed', {
      prepare: `rm -f /etc/resolv.conf; printf 'nameserver 192.168.71.1\\n' > /etc/resolv.conf; chmod 600 /etc/resolv.conf`,
    })
    lab.config(`  quiet:
    on: pi
    sh: touch ${lab.folder}/done
    check: test -e ${lab.folder}/done
`)
    const before = await lab.on(state)
    const closed = await lab.kedge('bundle', 'prove', '--yes')
    expect(closed).toMatchObject({ exitCode: 0 })
    expect(closed.stdout).toContain('1 instance ran on its node while cut off')
    expect(closed.stdout).toContain('nothing reached for the internet')
    const again = await lab.kedge('bundle', 'prove', '--yes')
    expect(again).toMatchObject({ exitCode: 5 })
    expect(again.stdout).toContain('this proves nothing: all was done before')
    const asked = await lab.kedge('bundle', 'prove')
    expect(asked).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('kedge bundle prove --yes') })
    expect(await lab.on(state)).toBe(before)
  },
)

test.skipIf(!canCutOff)(
  'kedge that is killed leaves a node that --restore puts back, and so does the next run',
  async () => {
    const lab = await make('e-killed')
    const begun = join(lab.folder, 'begun')
    const config = (word: string) =>
      lab.config(`  waits:
    on: pi
    sh: if [ ${word} = waits ]; then touch ${begun}; (exec -a ${lab.folder}/waits sleep 1000); fi
`)
    const before = await lab.on(state)
    for (const words of [
      ['bundle', 'prove', '--restore'],
      ['run', 'all'],
    ]) {
      config('waits')
      const killed = lab.start('bundle', 'prove', '--yes')
      while (!existsSync(begun)) await Bun.sleep(50)
      process.kill(killed.pid, 'SIGKILL')
      await killed.ended
      expect(await lab.on('ip route show default; grep -c use-vc /etc/resolv.conf')).toBe('1\n')
      config('ends')
      const { exitCode, stderr } = await lab.kedge(...words)
      expect(stderr).toContain('pi was still cut off from a proof that was killed')
      expect(exitCode).toBe(0)
      expect(await lab.on(state)).toBe(before)
      await lab.on(`rm ${begun}`)
    }
    expect((await lab.kedge('bundle', 'prove', '--restore')).stderr).toContain('no node is cut off')
  },
)

test.skipIf(!canCutOff)('who comes from beyond the router keeps that way, for SSH alone', async () => {
  const lab = await make('e-router', { overRouter: true })
  lab.config(`  reaches:
    on: pi
    sh: |
      ${connect('AF_INET', '192.0.2.9', 5000)}
      ${connect('AF_INET', '192.0.2.10', 5000)}
`)
  const before = await lab.on(state)
  const { attempts, remarks } = await prove(lab)
  expect(attempts.map(inShort).sort()).toEqual([
    '192.0.2.10 tcp 5000 | python3 | reaches',
    '192.0.2.9 tcp 5000 | python3 | reaches',
  ])
  expect(remarks).toEqual([expect.stringContaining('pi keeps a way to 192.0.2.9')])
  expect(await lab.on(state)).toBe(before)
})

test.skipIf(!canCutOff)('where sshd forwards nothing, that a name was asked for is seen all the same', async () => {
  const lab = await make('e-deaf', { sshd: ['AllowTcpForwarding no'] })
  lab.config(`  asks:
    on: pi
    sh: getent hosts example.org || true
`)
  const { exitCode, attempts, remarks } = await prove(lab)
  expect(attempts.map(({ target }) => target)).toEqual([{ kind: 'name' }])
  expect(remarks).toEqual([expect.stringContaining('sshd opens no port there')])
  expect(exitCode).toBe(5)
})

test.skipIf(!canCutOff)('a node that cannot be watched is named with the cure, and nothing is changed', async () => {
  const lab = await make('e-tools')
  writeFileSync(join(lab.folder, 'nothing'), '')
  await lab.on(`for tool in $(type -ap nft); do mount --bind ${lab.folder}/nothing $tool; done`)
  lab.config(`  quiet:
    on: pi
    sh: touch ${lab.folder}/ran
`)
  const before = await lab.on('cat /etc/resolv.conf; ip route; ip rule')
  const { exitCode, stderr } = await lab.kedge('bundle', 'prove', '--yes')
  expect(stderr).toContain('pi cannot be watched: there is no nft on it')
  expect(stderr).toContain('install there the packages nftables')
  expect(exitCode).toBe(5)
  expect(existsSync(join(lab.folder, 'ran'))).toBe(false)
  expect(await lab.on('cat /etc/resolv.conf; ip route; ip rule')).toBe(before)
})

test.skipIf(!canCutOff)(
  'a machine that never had a default route or a resolv.conf is watched as well, and gets none',
  async () => {
    const lab = await make('e-bare', { prepare: 'rm -f /etc/resolv.conf' })
    await lab.on('ip route flush exact default; ip -6 route flush exact default')
    lab.config(`  reaches:
    on: pi
    sh: |
      getent hosts example.org || true
      ${connect('AF_INET', '198.51.100.7', 443)}
`)
    const state = 'ls /etc/resolv.conf; ip route; ip -6 route; ip rule; ls /run'
    const before = await lab.on(state)
    const { attempts } = await prove(lab)
    expect(attempts.map(inShort).sort()).toEqual([
      '198.51.100.7 tcp 443 | python3 | reaches',
      'example.org | getent | reaches',
    ])
    expect(await lab.on(state)).toBe(before)
  },
)

test.skipIf(!canCutOff)('a run that fails proves nothing, and the node is put back', async () => {
  const lab = await make('e-fails')
  lab.config(`  fails:
    on: pi
    sh: exit 3
`)
  const before = await lab.on(state)
  const { exitCode, stdout } = await lab.kedge('bundle', 'prove', '--yes')
  expect(stdout).toContain('this proves nothing: the run did not come to its end')
  expect(exitCode).toBe(5)
  expect(await lab.on(state)).toBe(before)
})

test.skipIf(!canCutOff)('a task that flushes the rules of nft takes the proof away', async () => {
  const lab = await make('e-flush')
  lab.config(`  flushes:
    on: pi
    sh: nft flush ruleset
`)
  const { exitCode, stdout } = await lab.kedge('bundle', 'prove', '--yes')
  expect(stdout).toContain('its watch is gone')
  expect(exitCode).toBe(5)
})
