import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NamedSecret } from './find-secrets.ts'

/** Runs kubectl against the lab and resolves with what it printed, or with an empty text where it failed. */
export type Kubectl = (...words: readonly string[]) => Promise<string>

/**
 * The private keys that kedge made for a lab: host keys, and the one that opens root's account. They belong in `<state>/keys`, a host's
 * own in its seed and on the host, and nowhere else.
 */
export function keySecrets(stateFolder: string): NamedSecret[] {
  const folder = join(stateFolder, 'keys')
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    if (!text.includes('PRIVATE KEY')) return []
    // The first lines of such a file carry the public half in clear, which is no secret.
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
    return [{ name: `key ${file}`, value: lines.slice(2).join('\n') }]
  })
}

/** What the cluster holds: CloudCore's join token and its keys, kubeadm's tokens. They belong in the cluster alone. */
export async function clusterSecrets(kubectl: Kubectl): Promise<NamedSecret[]> {
  const inKubeEdge = ['tokensecret', 'casecret', 'cloudcoresecret', 'cloudcore'].map(
    (name) => ['kubeedge', name] as const,
  )
  const answers = await Promise.all(
    inKubeEdge.map(async ([space, name]) => itemsOf(await kubectl('-n', space, 'get', 'secret', name, '-o', 'json'))),
  )
  const tokens = itemsOf(await kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'json')).filter(
    ({ type }) => type === 'bootstrap.kubernetes.io/token',
  )
  const secrets = [...answers.flat(), ...tokens].flatMap(({ metadata, data = {} }) =>
    Object.entries(data)
      .filter(([key]) => /^(tokendata|token-secret|.*key.*)$/i.test(key))
      .map(([key, base64]) => ({ name: `secret ${metadata.name}: ${key}`, value: readable(base64) }))
      .filter(({ value }) => value.trim().length >= 16),
  )
  // The rest of the token is no secret, and is said in front of it.
  const signature = secrets
    .find(({ name }) => name.endsWith('tokendata'))
    ?.value.trim()
    .split('.')
    .at(-1)
  return signature ? [...secrets, { name: 'secret tokensecret: signature', value: signature }] : secrets
}

type Secret = {
  readonly type?: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
}

function itemsOf(text: string): Secret[] {
  if (text.trim() === '') return []
  const parsed = JSON.parse(text) as Secret | { readonly items: Secret[] }
  return 'items' in parsed ? parsed.items : [parsed]
}

/** Keys in DER have no text of their own; in base64 they would show, in PEM with the same first line. */
function readable(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : base64.slice(0, 64)
}
