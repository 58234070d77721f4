import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { linesOf } from '../host/lines-of.ts'
import { certificateFile } from '../kubeedge/edge-state.ts'
import { certificatePort, portsToReach, quicPort } from '../kubeedge/ports.ts'
import { silentPorts } from '../kubeedge/silent-ports.ts'
import { parseToken } from '../kubeedge/token.ts'
import { currentToken } from '../kubeedge/tokens.ts'
import { addressToCloud, controlPlane } from '../topology/addresses.ts'
import type { EdgeView } from './diagnose-edge.ts'
import { attempt, fail, ok, roughly, type Step, skip } from './diagnosis.ts'
import { certificateSeenFrom, getFromNode } from './https-from-node.ts'

/** The pair that CloudCore shows is made anew from the CA that it has; joined edges stay joined. */
const remake =
  'kedge kubectl -n kubeedge delete secret cloudcoresecret; kedge kubectl -n kubeedge rollout restart deployment cloudcore'
const noTool = 'the node has no curl, openssl or python3'

/** CloudCore as this edge meets it: the way there, its ports, its CA, the token, its certificate, the node's name. */
export async function stepsOfCloudCore(view: EdgeView): Promise<readonly Step[]> {
  const { ctx, cloudcore, facts, tools } = view
  const { protocol } = ctx.topology.kubeedge
  const ports = portsToReach(protocol)
  const https = { address: cloudcore, port: certificatePort }
  const silent = await attempt(() => silentPorts(ctx, [cloudcore], ports))
  const isSilent = (port: number) => silent.ok && silent.value.some(({ target }) => target === `${cloudcore}:${port}`)
  const asks = <T>(work: () => Promise<T>) =>
    isSilent(certificatePort)
      ? Promise.resolve({ ok: false, message: `${certificatePort} does not answer`, isUnreachable: false } as const)
      : attempt(work)
  const [ca, name, shown, token, own, certificate] = await Promise.all([
    asks(() => getFromNode(ctx.host, tools, https, '/ca.crt')),
    asks(() => getFromNode(ctx.host, tools, https, `/node/${ctx.node.name}`)),
    asks(() => certificateSeenFrom(ctx.host, tools, https)),
    attempt(() => currentToken(ctx)),
    attempt(() => ctx.host.read('/etc/kubeedge/ca/rootCA.crt')),
    attempt(() => ctx.host.read(certificateFile)),
  ])
  const route = facts.route.found
    ? ok(`a route to ${cloudcore}`, facts.route.text)
    : fail(
        `a route to ${cloudcore}`,
        facts.route.text,
        `${ctx.node.name} knows no way to CloudCore on ${cloudcore}`,
        `kedge ssh ${ctx.node.name} -- ip -4 route`,
      )
  return [
    route,
    ...ports.map((port) => portStep(view, port, silent)),
    ...(protocol === 'quic' ? [skip(`UDP ${cloudcore}:${quicPort} answers`, 'QUIC does not answer to a knock')] : []),
    caStep(view, ca, token),
    ...ownCaStep(view, ca, own),
    ...ownCertificateStep(view, certificate),
    tokenStep(view, token),
    certificateStep(view, ca, shown),
    nameStep(view, name),
  ]
}

type Asked<T> = Awaited<ReturnType<typeof attempt<T>>>
type Answer = Asked<Awaited<ReturnType<typeof getFromNode>>>
type Token = Asked<Awaited<ReturnType<typeof currentToken>>>

function portStep(view: EdgeView, port: number, silent: Asked<Awaited<ReturnType<typeof silentPorts>>>): Step {
  const target = `${view.cloudcore}:${port}`
  const what = `TCP ${target} answers`
  if (!silent.ok) return skip(what, silent.message)
  const how = silent.value.find((each) => each.target === target)?.how
  if (!how) return ok(what, 'connects')
  const filtered = how === 'refused' ? 'nothing listens there' : 'something filters it'
  return fail(
    what,
    how,
    `CloudCore does not answer on ${target} from ${view.ctx.node.name}: ${filtered}`,
    'kedge run open-ports init-cloudcore',
  )
}

/** keadm joins only if the CA that CloudCore serves is the one that the token names. */
function caStep({ ctx }: EdgeView, ca: Answer, token: Token): Step {
  const what = "/ca.crt is the token's CA"
  if (!ca.ok) return skip(what, ca.message)
  if (!ca.value) return skip(what, noTool)
  const { status, body } = ca.value
  if (status !== 200) {
    return fail(what, `HTTP ${status}`, `CloudCore serves no CA: HTTP ${status}`, 'kedge run init-cloudcore')
  }
  const hash = createHash('sha256').update(body).digest('hex')
  const figure = `sha256 ${hash.slice(0, 16)}…`
  if (!token.ok) return skip(what, `${figure}; the token cannot be asked for: ${token.message}`)
  const parsed = parseToken(token.value.token)
  if (!parsed) return skip(what, `${figure}; ${token.value.why ?? 'there is no token'}`)
  if (parsed.caHash === hash) return ok(what, figure)
  return fail(
    what,
    `${figure}, the token's ${parsed.caHash.slice(0, 16)}…`,
    'the join token belongs to another CA than the one that CloudCore serves: the CA was made anew',
    `kedge run get-token; kedge run join-edge --on ${ctx.node.name}`,
  )
}

/** A joined edge trusts the CA of its join; when CloudCore's was made anew since, each refuses the other. */
function ownCaStep({ ctx, facts }: EdgeView, ca: Answer, own: Asked<string | undefined>): readonly Step[] {
  const what = "the edge's CA is CloudCore's"
  const mine = own.ok && own.value ? parsed(own.value) : undefined
  const theirs = ca.ok && ca.value?.status === 200 ? parsed(ca.value.body) : undefined
  if (!facts.hasCertificates || !mine || !theirs) return []
  if (mine.raw.equals(theirs.raw)) return [ok(what, 'the same')]
  const name = ctx.node.name
  const rejoin = `kedge ssh ${name} -- sudo keadm reset edge --force; kedge run join-edge --on ${name}`
  return [fail(what, 'another', "CloudCore's CA was made anew after this edge had joined: it must join again", rejoin)]
}

/** A joined edge shows its own certificate to CloudCore, which renews it only while it is good. */
function ownCertificateStep({ ctx, edgeTime }: EdgeView, own: Asked<string | undefined>): readonly Step[] {
  const what = "the edge's certificate is good"
  const mine = own.ok && own.value ? parsed(own.value) : undefined
  if (!mine) return []
  const until = Date.parse(mine.validTo)
  const figure = `until ${new Date(until).toISOString()}`
  if (edgeTime < until) return [ok(what, figure)]
  const cause = `the certificate of ${ctx.node.name} has expired, and CloudCore renews none that has: it must join again`
  return [
    fail(what, `ended ${roughly((edgeTime - until) / 1000)} ago`, cause, `kedge run join-edge --on ${ctx.node.name}`),
  ]
}

/** Never the token itself. A joined edge has its certificates and does not need one. */
function tokenStep({ ctx, facts, edgeTime }: EdgeView, token: Token): Step {
  const what = 'the token can be used'
  const cure = `kedge run join-edge --on ${ctx.node.name}`
  if (!token.ok) return skip(what, token.message)
  const parsed = parseToken(token.value.token)
  const left = parsed ? (parsed.expiresAt.getTime() - edgeTime) / 1000 : 0
  const why = parsed ? undefined : (token.value.why ?? 'there is no token')
  const figure = why ?? (left > 0 ? `${roughly(left)} left by the edge's clock` : `expired ${roughly(left)} ago`)
  if (!why && left >= 300) return ok(what, figure)
  if (facts.hasCertificates) return skip(what, `${figure}; not needed, the edge has its certificates`)
  const cause = why ?? 'the join token has expired: CloudCore no longer refreshes it'
  return fail(what, figure, cause, cure)
}

/** CloudCore's certificate against its CA, for exactly this address and by the edge's clock. */
function certificateStep({ ctx, cloudcore, edgeTime }: EdgeView, ca: Answer, shown: Asked<string | undefined>): Step {
  const what = `the certificate of ${cloudcore}:${certificatePort} is for ${cloudcore}`
  if (!shown.ok) return skip(what, shown.message)
  if (shown.value === undefined) return skip(what, 'the node has no openssl or python3')
  const found = parsed(shown.value)
  const authority = ca.ok && ca.value ? parsed(ca.value.body) : undefined
  if (!found) return skip(what, 'no certificate was shown')
  const names = (found.subjectAltName ?? 'nothing').replaceAll(/(IP Address|DNS):/g, '')
  const isNamed = isIP(cloudcore) ? found.checkIP(cloudcore) : found.checkHost(cloudcore)
  if (!isNamed) {
    const cause = `CloudCore's certificate names ${names}, and not ${cloudcore}, where this edge reaches it`
    return fail(what, `for ${names}`, cause, 'kedge run init-cloudcore')
  }
  const [from, to] = [Date.parse(found.validFrom), Date.parse(found.validTo)]
  if (edgeTime < from || edgeTime > to) {
    const cause = edgeTime < from ? 'is not valid yet' : 'has expired'
    return fail(
      what,
      `valid ${found.validFrom} to ${found.validTo}`,
      `by the clock of ${ctx.node.name} CloudCore's certificate ${cause}`,
      `kedge ssh ${ctx.node.name} -- sudo date -s @$(date +%s)`,
    )
  }
  if (!authority) return skip(what, `for ${names}; there is no CA to check it with`)
  if (!found.verify(authority.publicKey)) {
    const cause = 'CloudCore shows a certificate of another CA than the one that it serves'
    return fail(what, 'not signed by /ca.crt', cause, remake)
  }
  return ok(what, `for ${names}`)
}

/** PEM or DER; undefined for anything else. */
function parsed(text: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

/** keadm joins only where CloudCore answers 404: nobody has the name. A joined edge's own object is no obstacle. */
function nameStep(view: EdgeView, answer: Answer): Step {
  const { ctx, facts } = view
  const name = ctx.node.name
  const what = `the name ${name} is free, or this edge's`
  const rejoin = `kedge run join-edge --on ${name}`
  if (!answer.ok) return skip(what, answer.message)
  if (!answer.value) return skip(what, noTool)
  const { status, body } = answer.value
  if (status === 404) {
    if (!facts.hasCertificates) return ok(what, '404, free')
    return fail(what, '404', `${name} has its certificates, but the cluster has no node of that name`, rejoin)
  }
  if (status !== 200) {
    const said = linesOf({ stdout: body.toString('utf8') })[0] ?? ''
    return fail(
      what,
      `HTTP ${status} ${said}`.trim(),
      `CloudCore cannot ask the API server: HTTP ${status}`,
      `kedge why ${controlPlane(ctx.topology).name}`,
    )
  }
  const whose = whoseNode(view)
  if (whose === 'another') {
    return fail(
      what,
      '200, of another machine',
      `the cluster has a node ${name}, and it is another machine`,
      `kedge kubectl delete node ${name}; ${rejoin}`,
    )
  }
  if (facts.hasCertificates) return ok(what, whose === 'this' ? "200, this edge's" : '200, not told whose')
  return fail(what, '200, of an earlier join', `the cluster still has the node ${name} of an earlier join`, rejoin)
}

/** By the machine-id that the node reported, else by its address on the LAN to CloudCore. */
function whoseNode({ ctx, facts, object }: EdgeView): 'this' | 'another' | 'unknown' {
  const reported = object?.status?.nodeInfo?.machineID
  if (reported && facts.machineId) return reported === facts.machineId ? 'this' : 'another'
  const address = object?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  const own = addressToCloud(ctx.topology, ctx.node)
  if (!address || !own) return 'unknown'
  return address === own ? 'this' : 'another'
}
