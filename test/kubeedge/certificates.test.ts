import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { TaskError } from '../../lib/event/failure.ts'
import type { Answer } from '../../lib/host/scripted.ts'
import { expiriesOn } from '../../lib/kubeedge/certificates.ts'
import type { Expiry } from '../../lib/kubeedge/expiry.ts'
import { loadLab, type Scene, sceneOn } from '../tasks/context.ts'
import { makeCertificate } from './make-certificate.ts'
import { tokenOf } from './make-token.ts'

const root = mkdtempSync(join(tmpdir(), 'kedge-certificates-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0

const year = makeCertificate('year', 365)
const decade = makeCertificate('decade', 3650, { isCa: true })
const month = makeCertificate('month', 25)
const now = year.from
const base64 = (content: string | Buffer) => Buffer.from(content).toString('base64')
const bundle = year.pem + year.key
const kubeconfig = `users:\n- name: admin\n  user:\n    client-certificate-data: ${base64(year.pem)}\n    client-key-data: ${base64(year.key)}\n`

/** What kubectl 1.28 prints for kedge's template, a line for each secret that is there. */
const secretLines = (secrets: Readonly<Record<string, string | Buffer>>) =>
  Object.entries(secrets)
    .map(([name, value]) => `${name} ${base64(value)}\n`)
    .join('')

type Machine = {
  readonly files?: Readonly<Record<string, string>>
  /** What kubectl prints; without it kubectl fails. */
  readonly secrets?: string
}

/** A node whose commands are run by a real bash, in a folder that stands for its root. */
function nodeOf(name: string, { files = {}, secrets }: Machine, change?: (text: string) => string) {
  const folder = join(root, String(count++))
  const place = (path: string, content: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  for (const [path, content] of Object.entries(files)) place(path, content)
  const refusal = 'echo first line >&2; echo The connection to the server was refused >&2; exit 1'
  const answer = secrets === undefined ? refusal : `cat <<'END'\n${secrets}END`
  for (const program of ['bin/kubectl', 'var/lib/kedge/bin/kubectl']) {
    place(program, `#!/bin/bash\necho ${program} "$@" >> ${folder}/asked\n${answer}\n`)
    chmodSync(join(folder, program), 0o755)
  }
  const answers: string[] = []
  const run = ({ script }: { readonly script: string }): Answer => {
    const moved = script.replaceAll(/\/(etc|var)\/(kubernetes|kubeedge|lib|rancher)\//g, `${folder}/$1/$2/`)
    const bash = Bun.spawnSync({
      cmd: ['bash', '-c', moved],
      env: { PATH: `${folder}/bin:/usr/bin:/bin` },
      stdout: 'pipe',
      stderr: 'pipe',
    })
    answers.push(bash.stdout.toString())
    const clean = (text: string) => text.replaceAll(folder, '')
    return { stdout: clean(bash.stdout.toString()), stderr: clean(bash.stderr.toString()), exitCode: bash.exitCode }
  }
  const scene = sceneOn(name, {
    rules: { [name]: [[/^for entry in/, run]] },
    ...(change ? { topology: loadLab(change) } : {}),
  })
  const asked = () => (existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8') : '')
  return { scene, answers, asked }
}

const lines = (expiries: readonly Expiry[]) =>
  expiries.map(({ what, state, daysLeft }) => `${what} ${state} ${daysLeft}`)
const look = async (scene: Scene, at = now) => expiriesOn(scene.ctx, at)

const pki = '/etc/kubernetes/pki'
const kubelet = '/var/lib/kubelet/pki/kubelet-client-current.pem'
const token = () => tokenOf('a'.repeat(64), new Date(now.getTime() + 20 * 3_600_000), crypto.randomUUID())

describe('the control plane', () => {
  const machine: Machine = {
    files: {
      [`${pki}/ca.crt`]: decade.pem,
      [`${pki}/ca.key`]: decade.key,
      [`${pki}/apiserver.crt`]: year.pem,
      [`${pki}/apiserver.key`]: year.key,
      [`${pki}/etcd/server.crt`]: month.pem,
      '/etc/kubernetes/admin.conf': kubeconfig,
      '/etc/kubernetes/kubelet.conf': kubeconfig,
      [kubelet]: bundle,
    },
    secrets: secretLines({
      casecret: decade.der,
      cloudcoresecret: decade.der,
      cloudcore: month.pem,
      tokensecret: token(),
    }),
  }

  test('lists kubeadm’s files and KubeEdge’s secrets, each once, in one command', async () => {
    const { scene, asked } = nodeOf('master', machine)
    expect(lines(await look(scene))).toEqual([
      `${pki}/ca.crt good 3650`,
      `${pki}/apiserver.crt good 365`,
      `${pki}/etcd/server.crt soon 25`,
      '/etc/kubernetes/admin.conf good 365',
      `${kubelet} good 365`,
      "secret casecret: CloudCore's CA good 3650",
      "secret cloudcoresecret: CloudCore's server certificate good 3650",
      'secret cloudcore: stream pair, for logs and exec soon 25',
      'secret tokensecret: join token good 0',
    ])
    expect(scene.steps).toHaveLength(1)
    expect(asked().trim().split('\n')).toHaveLength(1)
  })

  test('says what to type', async () => {
    const expiries = await look(nodeOf('master', machine).scene)
    const noteOn = (what: RegExp, list = expiries) => list.find((expiry) => what.test(expiry.what))?.note
    expect(noteOn(/etcd\/server/)).toBe('kedge ssh master -- kubeadm certs renew all && kedge ssh master -- reboot')
    expect(noteOn(/apiserver.crt/)).toBeUndefined()
    const stream = noteOn(/stream pair/)
    // The chart makes the pair once, and its pod does not start without it.
    expect(stream).not.toContain('delete')
    for (const text of [
      'openssl req',
      '--kubeconfig=/etc/kubernetes/admin.conf replace',
      'restart deployment cloudcore',
    ])
      expect(stream).toContain(text)
    const later = await look(nodeOf('master', machine).scene, decade.until)
    expect(noteOn(/ca.crt/, later)).toContain('kubeadm renews no CA')
    expect(noteOn(/kubelet/, later)).toContain('kubeadm kubeconfig user --org=system:nodes')
    expect(noteOn(/tokensecret/, later)).toBe('kedge kubectl -n kubeedge rollout restart deployment cloudcore')
  })

  test('no private key leaves the node, and of the token only when it ends', async () => {
    const secret = token()
    const { scene, answers, asked } = nodeOf('master', { ...machine, secrets: secretLines({ tokensecret: secret }) })
    expect(lines(await look(scene))).toContain('secret tokensecret: join token good 0')
    const text = answers.join('')
    const keyLine = year.key.split('\n')[1] as string
    expect(bundle).toContain(keyLine)
    for (const forbidden of [
      keyLine,
      base64(year.key).slice(0, 60),
      'PRIVATE',
      secret,
      base64(secret),
      secret.split('.')[3] as string,
    ])
      expect(text).not.toContain(forbidden)
    expect(asked()).not.toMatch(/key/)
    expect(scene.log.join('\n')).not.toContain(year.pem.split('\n')[1] as string)
  })

  const cut = year.pem.slice(0, 200)
  const openKey = year.key.slice(0, year.key.indexOf('-----END'))
  test.each([
    ['beside a whole certificate', year.key + year.pem, 'good'],
    ['after a certificate that is cut off in a line', cut + year.key, 'unknown'],
    ['after a certificate that is cut off at the end of a line', `${cut}\n${year.key}`, 'unknown'],
    ['between one that is cut off and a whole one', `${cut}\n${year.key}${year.pem}`, 'good'],
    ['in the place of one', `${openKey}-----END CERTIFICATE-----\n`, 'unknown'],
  ] as const)('a key %s stays on the node', async (_name, content, state) => {
    const { scene, answers } = nodeOf('worker', { files: { [kubelet]: content } })
    expect(await look(scene)).toMatchObject([{ what: kubelet, state }])
    expect(answers.join('')).not.toContain(year.key.split('\n')[1] as string)
  })

  test('an API server that does not answer costs the secrets alone', async () => {
    const { secrets, ...silent } = machine
    const expiries = await look(nodeOf('master', silent).scene)
    expect(expiries).toHaveLength(6)
    expect(expiries.at(-1)).toEqual({
      node: 'master',
      what: 'secrets in namespace kubeedge',
      state: 'unknown',
      renewsItself: false,
      note: 'could not be asked: The connection to the server was refused',
    })
  })

  test('damaged secrets and files are lines that say so', async () => {
    const damaged = secretLines({ casecret: 'not DER', cloudcore: year.pem.slice(0, 99), tokensecret: 'a.b' })
    const files = { ...machine.files, [`${pki}/apiserver.crt`]: '' }
    const expiries = await look(nodeOf('master', { files, secrets: damaged }).scene)
    expect(expiries.filter(({ state }) => state === 'unknown').map(({ what, note }) => `${what}: ${note}`)).toEqual([
      `${pki}/apiserver.crt: damaged: there is no whole certificate in it`,
      "secret casecret: CloudCore's CA: damaged: there is no whole certificate in it",
      'secret cloudcore: stream pair, for logs and exec: damaged: there is no whole certificate in it',
      'secret tokensecret: join token: damaged: it does not say when it ends',
    ])
  })

  test('with a cluster, but without KubeEdge yet, the secrets are not missed', async () => {
    const { scene } = nodeOf('master', { files: { '/etc/kubernetes/admin.conf': kubeconfig }, secrets: '' })
    expect(lines(await look(scene))).toEqual(['/etc/kubernetes/admin.conf good 365'])
  })

  test('with K3s has other files, another kubectl, and is cured by a restart', async () => {
    const tls = '/var/lib/rancher/k3s/server/tls'
    const files = {
      [`${tls}/server-ca.crt`]: decade.pem,
      [`${tls}/serving-kube-apiserver.crt`]: month.pem + decade.pem,
      [`${tls}/etcd/client.crt`]: year.pem,
      '/var/lib/rancher/k3s/agent/client-kubelet.crt': year.pem + decade.pem,
      '/var/lib/rancher/k3s/agent/server-ca.crt': decade.pem,
      '/etc/rancher/k3s/k3s.yaml': kubeconfig,
    }
    const useK3s = (text: string) =>
      text.replace('distribution: kubeadm, version: 1.32.10', 'distribution: k3s, version: 1.32.10+k3s1')
    const { scene, asked } = nodeOf('master', { files, secrets: '' }, useK3s)
    const expiries = await look(scene)
    expect(lines(expiries)).toEqual([
      `${tls}/server-ca.crt good 3650`,
      `${tls}/serving-kube-apiserver.crt soon 25`,
      `${tls}/etcd/client.crt good 365`,
      '/var/lib/rancher/k3s/agent/client-kubelet.crt good 365',
    ])
    expect(expiries[1]?.note).toBe('kedge ssh master -- systemctl restart k3s')
    expect(asked()).toMatch(
      /\/kedge\/bin\/kubectl --kubeconfig=\S*\/etc\/rancher\/k3s\/k3s\.yaml -n kubeedge get secret /,
    )
  })
})

describe('other nodes', () => {
  const path = '/etc/kubeedge/certs/server.crt'

  test('a worker shows its kubelet’s certificate and asks the cluster nothing', async () => {
    const { scene, asked } = nodeOf('worker', { files: { [kubelet]: bundle, [`${pki}/ca.crt`]: decade.pem } })
    expect(lines(await look(scene))).toEqual([`${kubelet} good 365`])
    expect(asked()).toBe('')
  })

  test('an edge shows what CloudCore signed for it', async () => {
    const { scene } = nodeOf('edge-1', { files: { [path]: year.pem } })
    expect(await look(scene)).toMatchObject([{ node: 'edge-1', what: path, state: 'good', renewsItself: true }])
    const late = new Date(year.until.getTime() - 10 * 86_400_000)
    expect((await look(scene, late))[0]?.note).toBe('kedge ssh edge-1 -- systemctl restart edgecore')
    expect((await look(scene, year.until))[0]?.note).toBe('kedge run join-edge --on edge-1')
  })

  test('on an existing machine that is not entered as root the command says sudo', async () => {
    const { scene } = nodeOf('pi', { files: { [path]: year.pem } })
    const late = new Date(year.until.getTime() - 10 * 86_400_000)
    expect((await look(scene, late))[0]?.note).toBe('kedge ssh pi -- sudo systemctl restart edgecore')
  })

  test.each(['master', 'worker', 'edge-1'])(
    'on %s, before there is anything, there is nothing to say',
    async (name) => {
      expect(await look(nodeOf(name, {}).scene)).toEqual([])
    },
  )

  test('a host that is not reached is a line', async () => {
    const error = new TaskError({ kind: 'unreachable', message: 'root@192.168.22.21:22: no answer within 20 s' })
    const scene = sceneOn('edge-1', { rules: { 'edge-1': [[/^for entry in/, { error }]] } })
    expect(await look(scene)).toEqual([
      {
        node: 'edge-1',
        what: 'certificates',
        state: 'unknown',
        renewsItself: false,
        note: 'could not be asked: root@192.168.22.21:22: no answer within 20 s',
      },
    ])
  })
})
