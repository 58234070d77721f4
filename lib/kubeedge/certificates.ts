import { typedOn } from '../distribution/certificate-files.ts'
import { distributionOf } from '../distribution/distribution.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from '../task/task.ts'
import { namespace } from './cloudcore.ts'
import { certificateFile } from './edge-state.ts'
import { certificateExpiry, type Expiry, expiryOf, type Subject, unread } from './expiry.ts'
import { type SecretName, secretNames, secretSubjects } from './kubeedge-secrets.ts'
import { expiryOfClaims } from './token.ts'

type FileKind = Omit<Subject, 'node' | 'what'> & { readonly patterns: readonly string[] }

/** Of a file, the whole certificates and a kubeconfig's client certificate, and never a key that stands beside them. */
const publicParts = `
/^-----BEGIN / { isCertificate = /^-----BEGIN CERTIFICATE-----/; block = "" }
{ block = block $0 ORS }
/^-----END CERTIFICATE-----/ { if (isCertificate) printf "%s", block }
/^-----END / { isCertificate = 0 }
$1 == "client-certificate-data:" { print "data " $2 }`

/** Of each of KubeEdge's secrets the field with its certificate or token; no secret has two of them. */
const publicFields =
  '{range .items[*]}{.metadata.name} {.data.cadata}{.data.cloudcoredata}{.data.stream\\.crt}{.data.tokendata}{"\\n"}{end}'

/**
 * What expires on this context's node, and on the control plane also KubeEdge's secrets; nothing where there is nothing yet.
 * One command. Never rejects: what cannot be asked is a line of its own.
 */
export async function expiriesOn(ctx: TaskContext, now: Date): Promise<readonly Expiry[]> {
  const { node } = ctx
  const kinds = fileKinds(ctx)
  try {
    const { stdout, stderr } = await ask(ctx, kinds)
    return readAnswer(ctx, kinds, stdout, lastLine(stderr), now)
  } catch (error) {
    if (ctx.signal.aborted && !isTimeout(ctx.signal)) return []
    const why = isTimeout(ctx.signal) ? 'no answer in time' : toFailure(error).message
    return [unread({ node: node.name, what: 'certificates', renewsItself: false }, `could not be asked: ${why}`)]
  }
}

const isTimeout = ({ aborted, reason }: AbortSignal) =>
  aborted && (reason as Error | undefined)?.name === 'TimeoutError'

function fileKinds({ topology, node }: TaskContext): readonly FileKind[] {
  if (node.role === 'hypervisor') return []
  if (node.role !== 'edge') return distributionOf({ topology }).certificates(topology, node)
  return [
    {
      patterns: [certificateFile],
      renewsItself: true,
      // edgecore looks at its certificate's age when it starts.
      cure: typedOn(node, 'systemctl restart edgecore'),
      cureOnceExpired: `kedge run join-edge --on ${node.name}`,
    },
  ]
}

function ask(ctx: TaskContext, kinds: readonly FileKind[]) {
  const { kubeconfig, kubectl } = distributionOf(ctx)
  const entries = kinds.flatMap(({ patterns }, kind) => patterns.map((pattern) => `${kind}:${pattern}`))
  const asksSecrets = ctx.node.role === 'control-plane'
  // The token's signature stays on the node: its second part says when it ends, and opens nothing.
  return ctx.$({ quiet: true })`for entry in ${entries}; do
  for file in \${entry#*:}; do
    [ -f "$file" ] || continue
    echo "file \${entry%%:*} $file"
    awk ${publicParts} "$file" || true
  done
done
if [ ${asksSecrets ? 'yes' : 'no'} = yes ] && [ -s ${kubeconfig} ]; then
  ${kubectl} -n ${namespace} get secret ${secretNames} --ignore-not-found --request-timeout=10s -o jsonpath=${publicFields} |
    while read -r name value; do
      if [ "$name" = tokensecret ]; then value=$(printf %s "$value" | base64 -d | cut -d. -f3) || value=; fi
      echo "secret $name $value"
    done || echo unanswered
fi`
}

/** What `ask` prints, as expiries; a path that fits several kinds counts once, as the first of them. */
function readAnswer(
  ctx: TaskContext,
  kinds: readonly FileKind[],
  text: string,
  lastError: string,
  now: Date,
): Expiry[] {
  const node = ctx.node.name
  const secrets = secretSubjects(node, distributionOf(ctx).kubectl.join(' '))
  const expiries = new Map<string, Expiry>()
  for (const section of text.split(/^(?=file |secret |unanswered$)/m)) {
    const [, word, name = '', rest = ''] = /^(file|secret|unanswered)(?: (\S*) ?([\s\S]*))?/.exec(section) ?? []
    if (word === 'file') {
      const [path = '', ...content] = rest.split('\n')
      const kind = kinds[Number(name)]
      if (!kind || expiries.has(path)) continue
      expiries.set(path, certificateExpiry({ ...kind, node, what: path }, pemOf(content), now))
    } else if (word === 'secret' && isSecretName(name)) {
      expiries.set(name, secretExpiry(secrets[name], name, rest.trim(), now))
    } else if (word === 'unanswered') {
      const subject = { node, what: `secrets in namespace ${namespace}`, renewsItself: false }
      expiries.set(word, unread(subject, `could not be asked: ${lastError || 'kubectl failed'}`))
    }
  }
  return [...expiries.values()]
}

const isSecretName = (name: string): name is SecretName => (secretNames as readonly string[]).includes(name)

const pemOf = (lines: readonly string[]): string =>
  lines
    .map((line) => (line.startsWith('data ') ? Buffer.from(line.slice(5), 'base64').toString('latin1') : line))
    .join('\n')

function secretExpiry(subject: Subject, name: SecretName, value: string, now: Date): Expiry {
  if (name === 'tokensecret') {
    const until = expiryOfClaims(value)
    if (!until) return unread(subject, 'damaged: it does not say when it ends')
    // A token that ends is at most twelve hours behind one that is fresh, so being near the end says nothing.
    return expiryOf(subject, { from: until, until }, now)
  }
  const bytes = Buffer.from(value, 'base64')
  // The CA and CloudCore's own are DER, the stream pair is PEM.
  const text = bytes.toString('latin1')
  return certificateExpiry(subject, text.startsWith('-----') ? text : bytes, now)
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
