import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { linesOf } from '../../lib/host/lines-of.ts'
import { reportFormats } from '../../lib/report/report.ts'
import { inside } from '../lab/namespace.ts'
import { filesBelow, findSecrets, findSecretsInText, type NamedSecret } from '../secrets/find-secrets.ts'
import { clusterSecrets } from '../secrets/lab-secrets.ts'
import { keysOnNode, type NodeFind, scanNode } from '../secrets/scan-node.ts'
import { secretsShown, type Watch, watchProcesses } from '../secrets/watch-processes.ts'
import {
  environment,
  kedge,
  kubectl,
  lab,
  nodes,
  on,
  raise,
  raze,
  readiness,
  run,
  until,
  untilReady,
  wanted,
} from './real-lab.ts'

/** Where each secret may stand on the node that it is of, and how closed: programs' own places, all of them. */
const homes: readonly (readonly [path: RegExp, mode: RegExp])[] = [
  [/^\/etc\/kubernetes\/(?:pki\/.*\.key|[\w-]+\.conf)$/, /^600 /],
  [/^\/etc\/ssh\/ssh_host_\w+_key$/, /^600 /],
  [/^\/var\/lib\/etcd\/member\//, /^600 700$/],
  [/^\/var\/lib\/kubelet\/pki\/[\w.-]+\.(?:key|pem)$/, /^600 /],
  // The kubelet hands CloudCore its stream pair, in memory, below a folder that only root enters.
  [/^\/var\/lib\/kubelet\/pods\/[\w-]+\/volumes\/kubernetes\.io~secret\/certs\//, / /],
  [/^\/etc\/kubeedge\/certs\/server\.key$/, /^600 700$/],
]

/** A key is at home on the node that it was found on, what the cluster holds on the control plane. */
const isAtHome = ({ node, secret, file, modes }: NodeFind): boolean =>
  (secret.startsWith('secret ') ? node === 'master' : secret.startsWith(`${node}:`)) &&
  homes.some(([path, mode]) => path.test(file) && mode.test(modes.join(' ')))

const dropFrom = (edge: string, port: number, what: '-I' | '-D') =>
  on('master', `iptables ${what} INPUT -p tcp --dport ${port} -s ${edge} -j DROP`)

describe.skipIf(!wanted)('a lab of real programs is never lost', () => {
  setDefaultTimeout(30 * 60_000)
  let watch: Watch
  beforeAll(async () => {
    await raise()
    watch = watchProcesses()
  }, 15 * 60_000)
  afterAll(async () => {
    watch?.stop()
    await raze()
  }, 60_000)

  const printed: (readonly [name: string, text: string])[] = []

  /** Ends kedge without a word, that long after it has begun the task. */
  async function killIn(task: string): Promise<void> {
    const seconds = Math.random() * 10
    const argv = inside(lab.name, [kedge, 'run', 'all', '--json'])
    const child = Bun.spawn(argv, { cwd: lab.folder, env: environment(), stdio: ['ignore', 'pipe', 'ignore'] })
    const begun = new RegExp(`"task-started".*"task":"${task}"`)
    let text = ''
    let isBegun = false
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece
      if (isBegun || !begun.test(text)) continue
      isBegun = true
      setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
    }
    await child.exited
    printed.push([`a run killed in ${task}`, text])
    console.log(
      `e2e: killed ${seconds.toFixed(1)} s after the start of ${task}, after ${linesOf({ stdout: text }).length} events`,
    )
    const failed = linesOf({ stdout: text }).filter((line) => line.includes('"task-failed"'))
    expect({ isBegun, failed }).toEqual({ isBegun: true, failed: [] })
    expect(text).not.toContain('"run-finished"')
  }

  const authorities = async () => ({
    kubernetes: (await on('master', 'cat /etc/kubernetes/pki/ca.crt')).output,
    cloudcore: await kubectl('-n', 'kubeedge', 'get', 'secret', 'casecret', '-o', 'jsonpath={.metadata.uid}'),
  })

  test('killed while it imports, inits, joins: the same command ends in one whole cluster, made once', async () => {
    for (const task of ['load-images', 'init-cluster', 'join-worker', 'init-cloudcore']) {
      await killIn(task)
    }
    const kubernetes = (await on('master', 'cat /etc/kubernetes/pki/ca.crt')).output
    await killIn('join-edge')
    const before = await authorities()
    expect(before.kubernetes).toBe(kubernetes)
    const whole = await run('run', 'all', '--json')
    printed.push(['the run after', whole.output + whole.errors])
    expect(whole.code).toBe(0)
    expect((await run('verify')).code).toBe(0)
    expect(await authorities()).toEqual(before)
    expect((await kubectl('get', 'nodes', '-o', 'name')).split('\n').length).toBe(nodes.length)
    const pods = await kubectl('-n', 'kubeedge', 'get', 'pods', '-l', 'kubeedge=cloudcore', '-o', 'name')
    expect(pods.split('\n').length).toBe(1)
    const again = await run('run', 'all', '--json')
    expect(again.output).not.toContain('"task-started"')
  })

  test('every secret of it stands in its home and nowhere else, and showed in `keadm join` alone, on that edge', async () => {
    const { shown, looks } = watch.stop()
    const asked = await clusterSecrets(async (...words) => (await run('kubectl', ...words)).output)
    const onNode = async (node: string, script: string) => (await on(node, script)).output
    const keys = await Promise.all(nodes.map((node) => keysOnNode(onNode, node)))
    const secrets: readonly NamedSecret[] = [...asked, ...keys.flat()]
    console.log(`e2e: ${secrets.length} secrets, ${looks} looks at ${shown.length} processes' words`)
    expect(asked.map(({ name }) => name)).toContain('secret tokensecret: tokendata')
    expect(keys.every((each) => each.length > 0)).toBe(true)

    const showings = secretsShown(secrets, shown)
    const joining = showings.filter(
      ({ secret, what, program, group }) =>
        secret.startsWith('secret tokensecret') &&
        what === 'cmdline' &&
        program === 'keadm join' &&
        /\/edge-/.test(group),
    )
    expect(showings.filter((showing) => !joining.includes(showing))).toEqual([])
    // That the watch sees anything at all.
    for (const edge of ['edge-1', 'edge-2']) {
      expect(joining.some(({ group }) => group.includes(`/kedge-lab/${edge}`))).toBe(true)
    }

    const finds = (await Promise.all(nodes.map((node) => scanNode(onNode, node, secrets)))).flat()
    expect(finds.filter((find) => !isAtHome(find))).toEqual([])
    const found = new Set(finds.map(({ secret }) => secret))
    expect(keys.flat().filter(({ name }) => !found.has(name))).toEqual([])

    expect(findSecrets(secrets, filesBelow(join(lab.folder, '.kedge')))).toEqual([])
    const words = [...Object.keys(reportFormats).map((format) => ['report', '--format', format]), ['logs'], ['status']]
    for (const each of [...words, ['status', '--json'], ['why', 'edge-1'], ['plan', '--json']]) {
      const { output, errors } = await run(...each)
      printed.push([each.join(' '), output + errors])
    }
    for (const [name, text] of printed) expect(findSecretsInText(secrets, name, text)).toEqual([])
  })

  test.each(['edge-2', 'worker'])(
    '%s leaves for good, the others stay Ready, and it comes back whole',
    async (name) => {
      const others = nodes.filter((node) => node !== name)
      let isOver = false
      const notReady: string[] = []
      const looking = (async () => {
        for (; !isOver; await Bun.sleep(1000)) {
          for (const line of linesOf({ stdout: await kubectl('get', 'nodes', '--no-headers') })) {
            const [node = '', state = ''] = line.split(/\s+/)
            if (others.includes(node) && state !== 'Ready') notReady.push(line)
          }
        }
      })()
      try {
        expect((await run('destroy', '--node', name, '--yes')).code).toBe(0)
        expect(await kubectl('get', 'node', name, '--ignore-not-found')).toBe('')
        const unit = name === 'worker' ? 'kubelet' : 'edgecore'
        const rest = await on(
          name,
          `systemctl is-active ${unit}; ls /etc/kubeedge /etc/kubernetes/kubelet.conf 2>/dev/null`,
        )
        expect(rest.output).toBe('inactive\n')
        expect((await run('run', 'all')).code).toBe(0)
        expect(await readiness(name)).toBe('True')
        expect((await run('verify')).code).toBe(0)
      } finally {
        isOver = true
        await looking
      }
      expect(notReady).toEqual([])
    },
  )

  test('an edge leaves although the API server does not answer; what remains to be done is said', async () => {
    const manifest = '/etc/kubernetes/manifests/kube-apiserver.yaml'
    await on('master', `mv ${manifest} /root/`)
    try {
      await until('the API server is silent', async () => (await run('kubectl', 'get', 'nodes')).code !== 0)
      const { code, errors } = await run('destroy', '--node', 'edge-2', '--yes')
      expect(code).toBe(0)
      expect(errors).toContain('the cluster was not told: ')
      expect(errors).toContain('once it answers: kedge kubectl delete node edge-2')
      expect((await on('edge-2', 'systemctl is-active edgecore')).output).toBe('inactive\n')
    } finally {
      await on('master', `mv /root/kube-apiserver.yaml ${manifest}`)
    }
    await until('the API server answers', async () => (await run('kubectl', 'get', 'nodes')).code === 0)
    expect((await run('run', 'all')).code).toBe(0)
    expect((await run('verify')).code).toBe(0)
  })

  test('a certificate that has ended is noticed, explained, and replaced by another join', async () => {
    const { output: key } = await on('edge-1', 'cat /etc/kubeedge/certs/server.key')
    const subject = '/O=system:nodes/CN=system:node:edge-1'
    const made = await on(
      'master',
      `set -e; cd $(mktemp -d); secret() { kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kubeedge get secret casecret -o jsonpath="{.data.$1}" | base64 -d; }
secret cadata | openssl x509 -inform DER -out ca.pem; secret cakeydata | openssl ec -inform DER -out ca.key
cat >own.key <<'KEY'
${key}KEY
openssl req -new -key own.key -subj ${subject} -out own.csr
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1
rm -rf "$PWD"`,
    )
    expect(made.output).toContain('BEGIN CERTIFICATE')
    await on('edge-1', `cat >/etc/kubeedge/certs/server.crt <<'PEM'\n${made.output}PEM\nsystemctl restart edgecore`)
    const why = await run('why', 'edge-1')
    expect(why.code).toBe(5)
    expect(why.output).toContain('\ncause  the certificate of edge-1 has expired')
    expect(why.output).toContain('\ntype   kedge run join-edge --on edge-1')
    expect((await run('run', 'join-edge', '--on', 'edge-1')).code).toBe(0)
    expect((await run('verify')).code).toBe(0)
  })

  describe('a token that cannot be used', () => {
    const secret = async (name: string, key: string) =>
      Buffer.from(await kubectl('-n', 'kubeedge', 'get', 'secret', name, '-o', `jsonpath={.data.${key}}`), 'base64')
    const spoil = async (kind: string): Promise<string> => {
      const [hash, head, claims, signature] = (await secret('tokensecret', 'tokendata')).toString().split('.')
      if (kind === 'of another CA') return [`${'0'.repeat(64)}`, head, claims, signature].join('.')
      if (kind === 'cut short') return [hash, head, claims].join('.').slice(0, 110)
      const over = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) - 3600 })).toString('base64url')
      const hmac = new Bun.CryptoHasher('sha256', await secret('casecret', 'cakeydata')).update(`${head}.${over}`)
      return [hash, head, over, hmac.digest('base64url')].join('.')
    }

    test.each(['that is over', 'of another CA', 'cut short'])(
      '%s is named, and cured by running again',
      async (kind) => {
        expect((await run('destroy', '--node', 'edge-1', '--yes')).code).toBe(0)
        const patch = { data: { tokendata: Buffer.from(await spoil(kind)).toString('base64') } }
        await kubectl('-n', 'kubeedge', 'patch', 'secret', 'tokensecret', '-p', JSON.stringify(patch))
        const failed = await run('run', 'join-edge', '--on', 'edge-1', '--only')
        expect(failed.code).toBe(5)
        expect(failed.errors).toContain('edge-1 cannot join: the token ')
        expect(failed.errors).toContain('kedge run get-token join-edge --on edge-1')
        expect((await run('why', 'edge-1')).output).toMatch(/\ncause {2}the (?:join )?token /)
        expect((await run('run', 'join-edge', '--on', 'edge-1')).code).toBe(0)
      },
    )
  })

  test.each([10_000, 10_002])('port %i blocked on the way is named, and cured by running again', async (port) => {
    const edge = '192.168.24.2'
    if (port === 10_002) expect((await run('destroy', '--node', 'edge-1', '--yes')).code).toBe(0)
    await dropFrom(edge, port, '-I')
    try {
      if (port === 10_000) await untilReady('edge-1', 'Unknown')
      const failed = await run('run', 'join-edge', '--on', 'edge-1')
      expect(failed.code).toBe(5)
      expect(failed.errors).toContain(`edge-1 does not reach CloudCore on 192.168.24.1, port ${port}`)
      const why = await run('why', 'edge-1')
      expect(why.output).toContain(`\ncause  CloudCore does not answer on 192.168.24.1:${port} from edge-1`)
    } finally {
      await dropFrom(edge, port, '-D')
    }
    expect((await run('run', 'join-edge', '--on', 'edge-1')).code).toBe(0)
    expect(await readiness('edge-1')).toBe('True')
  })
})
