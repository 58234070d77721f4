import { X509Certificate } from 'node:crypto'

export type MadeCertificate = {
  readonly pem: string
  readonly der: Buffer
  /** Its private half, in PEM. */
  readonly key: string
  readonly from: Date
  readonly until: Date
}

/** A certificate that is valid from now on, made by openssl. */
export function makeCertificate(
  name: string,
  days: number,
  options: { readonly isCa?: boolean } = {},
): MadeCertificate {
  const words = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days)]
  const constraint = `basicConstraints=critical,CA:${options.isCa ? 'TRUE' : 'FALSE'}`
  const made = Bun.spawnSync({
    cmd: ['openssl', 'req', '-x509', ...words, '-subj', `/CN=${name}`, '-addext', constraint, '-keyout', '-'],
    stderr: 'pipe',
  })
  if (made.exitCode !== 0) throw new Error(made.stderr.toString())
  const text = made.stdout.toString()
  const block = (kind: string) =>
    new RegExp(`-----BEGIN ${kind}-----[^-]*-----END ${kind}-----\n`).exec(text)?.[0] ?? ''
  const pem = block('CERTIFICATE')
  const certificate = new X509Certificate(pem)
  return {
    pem,
    der: certificate.raw as Buffer,
    key: block('PRIVATE KEY'),
    from: new Date(certificate.validFrom),
    until: new Date(certificate.validTo),
  }
}
