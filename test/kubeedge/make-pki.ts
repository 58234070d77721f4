import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Pki = {
  readonly caPem: string
  readonly caDer: Buffer
  readonly serverPem: string
  readonly serverKey: string
}

/** A CA as CloudCore makes it, and its server certificate for these addresses; both begin now. */
export function makePki(addresses: readonly string[]): Pki {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-pki-'))
  const path = (name: string) => join(folder, name)
  const make = (...words: string[]) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '36500']
    const made = Bun.spawnSync(['openssl', 'req', '-x509', '-subj', '/CN=KubeEdge', ...key, ...words])
    if (!made.success) throw new Error(made.stderr.toString())
  }
  try {
    make('-keyout', path('ca.key'), '-out', path('ca.crt'))
    const names = `subjectAltName=${addresses.map((address) => `IP:${address}`).join(',')}`
    const signer = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE']
    make('-keyout', path('server.key'), '-out', path('server.crt'), '-addext', names, ...signer)
    const caPem = readFileSync(path('ca.crt'), 'utf8')
    return {
      caPem,
      caDer: new X509Certificate(caPem).raw as Buffer,
      serverPem: readFileSync(path('server.crt'), 'utf8'),
      serverKey: readFileSync(path('server.key'), 'utf8'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
