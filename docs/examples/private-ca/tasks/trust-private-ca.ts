import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { doneIf, pending, refused, type TaskContext, task } from 'kedge'

const certificate = readFileSync(join(import.meta.dir, 'private-ca.crt'), 'utf8')
/** As it stands in a store of trust, where lines may be broken elsewhere. */
const body = certificate.replace(/-----[A-Z ]+-----|\s/g, '')

/** Where each family of distributions wants a certificate, what takes it in, and where programs then find it. */
const stores = {
  'update-ca-certificates': {
    anchor: '/usr/local/share/ca-certificates/lab-private-ca.crt',
    trusted: '/etc/ssl/certs/ca-certificates.crt',
    // Links by hash are made anew too: of a certificate that was replaced they would be the old ones.
    words: ['update-ca-certificates', '--fresh'],
  },
  'update-ca-trust': {
    anchor: '/etc/pki/ca-trust/source/anchors/lab-private-ca.crt',
    trusted: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    words: ['update-ca-trust'],
  },
} as const

async function storeOn($: TaskContext['$']) {
  const { stdout } = await $`command -v ${Object.keys(stores)} || true`
  return Object.entries(stores).find(([program]) => stdout.includes(`/${program}\n`))?.[1]
}

export default task({
  description: 'Trust the private certificate authority of this site',
  checks: "the node trusts tasks/private-ca.crt, as it is now, in its system's store",
  changes: 'puts the certificate where the system wants it and has the store made anew',

  async check({ $ }) {
    const store = await storeOn($)
    if (!store) return pending('neither update-ca-certificates nor update-ca-trust is there')
    // grep reads to the end: were it to stop early, tr would fail.
    const { exitCode } = await $({ input: certificate })`[ "$(cat ${store.anchor})" = "$(cat)" ]
      tr -d '\\n' < ${store.trusted} | grep -cF -e ${body}`.nothrow()
    return doneIf(exitCode === 0, 'the certificate in tasks/private-ca.crt is not trusted')
  },

  async run({ $, host, node }) {
    const store = await storeOn($)
    if (!store) throw refused(`${node.name} has no store of certificates`, 'install the package ca-certificates there')
    await host.write(store.anchor, certificate)
    await $`${store.words}`
  },
})
