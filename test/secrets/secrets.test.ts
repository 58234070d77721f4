import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '../../lib/host/keys.ts'
import { machineKeys } from '../../lib/machine/machine-keys.ts'
import { reportFormats } from '../../lib/report/report.ts'
import { builtBinary, runIn } from '../build/binary.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { filesBelow, findSecrets, findSecretsInText, processFiles } from './find-secrets.ts'
import { clusterSecrets, keySecrets } from './lab-secrets.ts'

const value = `kedge-${crypto.randomUUID()}/+"quoted"`
const secrets = [{ name: 'the token', value }]

/** A task that does with a secret all that a task may do, and some that it should not. */
const ownTask = (folder: string) => `
import { readFileSync } from 'node:fs'
import { doneIf, task } from 'kedge'
const folder = ${JSON.stringify(folder)}
const raw = readFileSync(folder + '/given', 'utf8')
export default task({
  description: 'uses a secret',
  async check({ $, node, secret }) {
    secret(raw)
    const { exitCode } = await $\`test -e \${folder}/done-\${node.name}\`.nothrow()
    return doneIf(exitCode === 0, 'nobody has used ' + raw)
  },
  async run({ $, host, node, secret, say }) {
    const token = secret(raw)
    say('the token is ' + raw)
    await $\`echo \${token}; echo \${token} >&2; printf %s \${token} | base64 -w 0\`
    await $({ input: token })\`cat\`
    await host.write(folder + '/kept/' + node.name + '/token', token)
    await $\`held=\${token}; export KEDGE_SHOWN=kedge-shown-on-\${node.name}
      bash -c 'touch "$1"; while [ ! -e "$2" ]; do sleep 0.05; done' bash \${folder}/held-\${node.name} \${folder}/go; test -n "$held"\`
    if (node.name === 'far') throw new Error('the server refused ' + raw)
    if (node.name === 'near') await $\`echo \${token} is refused >&2; exit 7\`
  },
})
`

describe.if(sshdPath !== undefined)('a run with secrets, here and on nodes', () => {
  let sshd: Sshd
  let folder: string
  let lab: string
  const env = () => ({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder })
  beforeAll(async () => {
    builtBinary()
    sshd = await startSshd()
    folder = mkdtempSync(join(tmpdir(), 'kedge-secrets-'))
    lab = join(folder, 'lab')
    mkdirSync(join(folder, '.ssh'))
    mkdirSync(join(lab, 'tasks'), { recursive: true })
    writeFileSync(join(folder, '.ssh/known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`)
    writeFileSync(join(folder, 'given'), value)
    writeFileSync(join(lab, 'tasks/use-secret.ts'), ownTask(folder))
    const ssh = `ssh: { host: 127.0.0.1, port: ${sshd.port}, user: root, key: ${sshd.keyPath} }`
    writeFileSync(
      join(lab, 'kedge.config.yaml'),
      `version: 1
lab: secret
extends: none
nodes:
  far: { role: edge, ${ssh} }
  near: { role: edge, ${ssh} }
tasks:
  use-secret: { on: [hypervisor, far, near] }
`,
    )
  }, 300_000)
  afterAll(async () => {
    if (folder) writeFileSync(join(folder, 'go'), '')
    await sshd?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  test('leaves them in no argument, environment, log, journal, report, event or error; its file is for its owner', async () => {
    const run = Bun.spawn([builtBinary(), 'run', 'all', '--json', '-v', '--jobs', '8'], {
      cwd: lab,
      env: env(),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const texts = [new Response(run.stdout).text(), new Response(run.stderr).text()]
    const nodes = ['hypervisor', 'far', 'near']
    try {
      while (!nodes.every((node) => existsSync(join(folder, `held-${node}`)))) {
        if (run.exitCode !== null) throw new Error(`kedge ended: ${await texts[1]}`)
        // Sampled all the while, and not only when everything stands still.
        expect(findSecrets(secrets, processFiles())).toEqual([])
        await Bun.sleep(20)
      }
      const shown = nodes.map((node) => ({ name: node, value: `kedge-shown-on-${node}` }))
      expect(new Set(findSecrets(shown, processFiles()).map(({ secret }) => secret))).toEqual(new Set(nodes))
      expect(findSecrets(secrets, processFiles())).toEqual([])
    } finally {
      writeFileSync(join(folder, 'go'), '')
    }
    expect(await run.exited).toBe(5)
    const [stdout = '', stderr = ''] = await Promise.all(texts)
    expect(stdout).toContain('the server refused ***')
    expect(stdout).toContain('nobody has used ***')
    expect(stderr).toContain('*** is refused')

    const printed = [
      ...Object.keys(reportFormats).map((format) => ['report', '--format', format]),
      ['logs'],
      ['status'],
      ['status', '--json'],
      ['plan'],
      ['run', 'all', '-v'],
    ].map((words) => {
      const { stdout, stderr } = runIn(lab, [builtBinary(), ...words], env())
      return [words.join(' '), stdout + stderr] as const
    })
    for (const [name, text] of [['run --json', stdout + stderr] as const, ...printed]) {
      expect(text).not.toBe('')
      expect(findSecretsInText(secrets, name, text)).toEqual([])
    }
    expect(findSecrets(secrets, [...filesBelow(lab), join(sshd.folder, 'log')])).toEqual([])

    for (const node of nodes) {
      const kept = join(folder, 'kept', node)
      expect(readFileSync(join(kept, 'token'), 'utf8')).toBe(value)
      expect([statSync(join(kept, 'token')).mode & 0o777, statSync(kept).mode & 0o777]).toEqual([0o600, 0o700])
    }
  }, 180_000)

  test('ssh and kubectl are not given what would turn kedge into plain Bun', () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\nenv\n')
    chmodSync(join(bin, 'ssh'), 0o755)
    const surroundings = {
      ...env(),
      PATH: `${bin}:/usr/bin:/bin`,
      BUN_INSTALL: '/x',
      BUN_CONFIG_NOTHING: '1',
      KEPT: 'kept',
    }
    const { exitCode, stdout } = runIn(lab, [builtBinary(), 'ssh', 'far'], surroundings)
    expect(exitCode).toBe(0)
    expect(stdout).toContain('KEPT=kept')
    expect(stdout).not.toContain('BUN_')
  }, 60_000)
})

describe('the scanner', () => {
  test.each([
    ['plain', value],
    ['in JSON', JSON.stringify({ value })],
    ['in an address', `x?t=${encodeURIComponent(value)}`],
    ['in hexadecimal', Buffer.from(value).toString('hex')],
    ...['', 'a', 'ab'].map((before) => [
      `in base64 behind “${before}”`,
      Buffer.from(`${before}${value} after`).toString('base64'),
    ]),
  ])('finds a value %s', (_, text) => {
    expect(findSecretsInText(secrets, 'x', `before ${text} after`)).not.toEqual([])
  })

  test('finds a value across the pieces of a long file, and keys line by line', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kedge-scan-'))
    try {
      writeFileSync(join(folder, 'long'), `${'x'.repeat(4 * 1024 * 1024 - 10)}${value}`)
      expect(findSecrets(secrets, filesBelow(folder)).map(({ form }) => form)).toContain('plain')
      const { host, user } = machineKeys(folder, 'edge')
      const keys = keySecrets(folder)
      expect(keys.map(({ name }) => name).sort()).toEqual(['key edge.host', 'key lab'])
      const inBoth = findSecretsInText(keys, 'x', `${host.privateKey} ${user.privateKey}`)
      expect(new Set(inBoth.map(({ secret }) => secret)).size).toBe(2)
      expect(
        findSecretsInText(keys, 'x', `${host.publicLine} ${user.publicLine} ${generateKeyPair('k').privateKey}`),
      ).toEqual([])
      for (const file of filesBelow(join(folder, 'keys'))) expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(statSync(join(folder, 'keys')).mode & 0o777).toBe(0o700)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test("takes the tokens and keys out of kubectl's answers", async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const token = 'hash.head.claims.a-signature-of-some-length'
    const found = await clusterSecrets(async (...words) => {
      if (words.includes('tokensecret'))
        return JSON.stringify({ metadata: { name: 'tokensecret' }, data: { tokendata: base64(token) } })
      if (!words.includes('secrets')) return ''
      const data = { 'token-id': base64('abcdef'), 'token-secret': base64('0123456789abcdef') }
      return JSON.stringify({
        items: [{ type: 'bootstrap.kubernetes.io/token', metadata: { name: 'bootstrap-token-abcdef' }, data }],
      })
    })
    expect(found.map(({ value }) => value)).toEqual([token, '0123456789abcdef', 'a-signature-of-some-length'])
  })
})
