import { localConnection } from '../../../lib/host/local.ts'
import { verbatim } from '../../../lib/host/shell.ts'
import { sshConnection } from '../../../lib/host/ssh.ts'
import { pinned } from '../../../lib/host/verify-host-keys.ts'

/** Runs one script after the other, here or where the first argument says (host key line, port, path of a key), until it is killed. */
const [where, ...scripts] = process.argv.slice(2)
const [hostKeyLine = '', port, key = ''] = where?.split('|') ?? []
const target = { host: '127.0.0.1', port: Number(port), user: 'root', key }
const connection =
  where === 'local' ? localConnection() : sshConnection({ name: 'node', target, hostKeys: pinned(hostKeyLine) })
const { $ } = connection.bind({ signal: new AbortController().signal, onOutput: () => {} })
for (const script of scripts) await $(verbatim(script))
