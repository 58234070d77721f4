import { TaskError } from '../event/failure.ts'
import type { Host } from '../host/host.ts'

/** What a node has to speak TLS with; nothing is installed for it. */
export type TlsTool = 'curl' | 'openssl' | 'python3'

export type Endpoint = { readonly address: string; readonly port: number }
export type HttpsAnswer = { readonly status: number; readonly body: Buffer }

const timeoutSeconds = 10

const pythonGet = String.raw`import base64, http.client, ssl, sys
c = http.client.HTTPSConnection(sys.argv[1], int(sys.argv[2]), timeout=10, context=ssl._create_unverified_context())
c.request("GET", sys.argv[3])
r = c.getresponse()
print(base64.b64encode(b"HTTP/1.1 %d\r\n\r\n" % r.status + r.read()).decode())`
const pythonCertificate = `import ssl, sys
print(ssl.get_server_certificate((sys.argv[1], int(sys.argv[2])), timeout=10) if sys.version_info >= (3, 10) else ssl.get_server_certificate((sys.argv[1], int(sys.argv[2]))))`
const request = String.raw`GET %s HTTP/1.0\r\nHost: %s\r\n\r\n`

/** Which of the tools the node has, best first. */
export async function tlsTools({ $ }: Host): Promise<readonly TlsTool[]> {
  const tools: readonly TlsTool[] = ['curl', 'openssl', 'python3']
  const found = await $`for tool in ${tools}; do command -v "$tool" >/dev/null && echo "$tool"; done || true`
  return tools.filter((tool) => found.stdout.split('\n').includes(tool))
}

/**
 * GET from the node, whoever answers: the certificate is judged apart. Undefined where the node has no tool for it; rejects
 * where nobody answers in HTTP.
 */
export async function getFromNode(
  { $ }: Host,
  tools: readonly TlsTool[],
  { address, port }: Endpoint,
  path: string,
): Promise<HttpsAnswer | undefined> {
  const quiet = $({ quiet: true })
  const [tool] = tools
  switch (tool) {
    case undefined:
      return undefined
    case 'curl':
      return answerIn(
        await quiet`curl -sSki --http1.1 --max-time ${timeoutSeconds} ${`https://${address}:${port}${path}`} | base64 -w0`,
      )
    case 'openssl':
      return answerIn(
        await quiet`printf ${request} ${path} ${address} | timeout ${timeoutSeconds} openssl s_client -quiet -connect ${`${address}:${port}`} | base64 -w0`,
      )
    case 'python3':
      return answerIn(await quiet`python3 -c ${pythonGet} ${address} ${port} ${path}`)
    default:
      return tool satisfies never
  }
}

function answerIn({ stdout }: { readonly stdout: string }): HttpsAnswer {
  const bytes = Buffer.from(stdout, 'base64')
  const end = bytes.indexOf('\r\n\r\n')
  const status = /^HTTP\/[\d.]+ (\d{3})/.exec(bytes.subarray(0, 64).toString('latin1'))?.[1]
  if (status === undefined || end < 0)
    throw new TaskError({ kind: 'command', message: 'what answers there does not speak HTTP' })
  return { status: Number(status), body: bytes.subarray(end + 4) }
}

/** The certificate that the server shows to the node, as PEM; undefined where the node has no tool that tells it. */
export async function certificateSeenFrom(
  { $ }: Host,
  tools: readonly TlsTool[],
  { address, port }: Endpoint,
): Promise<string | undefined> {
  if (tools.includes('openssl')) {
    return (
      await $({
        quiet: true,
      })`timeout ${timeoutSeconds} openssl s_client -connect ${`${address}:${port}`} -showcerts </dev/null 2>/dev/null | sed -n '/BEGIN CERT/,/END CERT/p'`
    ).stdout
  }
  if (tools.includes('python3')) {
    return (await $({ quiet: true })`timeout ${timeoutSeconds} python3 -c ${pythonCertificate} ${address} ${port}`)
      .stdout
  }
  return undefined
}
