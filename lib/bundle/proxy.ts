/** Environment variables, as a process has them. */
export type Variables = Readonly<Record<string, string | undefined>>

/**
 * The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (in either case) name for a URL; undefined for none. As in
 * curl, an entry of NO_PROXY is a host with everything under it, a host and port, or `*`.
 */
export function proxyFor(url: string, env: Variables): string | undefined {
  const { protocol, hostname, port } = new URL(url)
  // HTTP_PROXY in capitals can be set from outside in a CGI program; kedge is none.
  const read = (name: string) => env[name] || env[name.toUpperCase()] || undefined
  const proxy = (protocol === 'https:' ? read('https_proxy') : read('http_proxy')) ?? read('all_proxy')
  if (!proxy) return undefined
  const withPort = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
  const isExempt = (read('no_proxy') ?? '')
    .split(/[\s,]+/)
    .map((entry) => entry.replace(/^\*?\./, ''))
    .some(
      (entry) => entry === '*' || entry === withPort || entry === hostname || (entry && hostname.endsWith(`.${entry}`)),
    )
  if (isExempt) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}
