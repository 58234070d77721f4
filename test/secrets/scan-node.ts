import { formsOf, type NamedSecret } from './find-secrets.ts'

/** Runs a script in a node's bash, as root, and resolves with what it printed. */
export type OnNode = (node: string, script: string) => Promise<string>

/** A file of a node that holds a secret. */
export type NodeFind = {
  readonly node: string
  readonly secret: string
  /** A path, or `the journal`. */
  readonly file: string
  /** Of the file and of the folder it lies in, in octal digits. */
  readonly modes: readonly [file: string, folder: string]
}

/**
 * Every file of the node that holds one of the secrets, in whatever form, running containers' own among them, and the node's
 * journal with what it knows of each program. Container images at rest are not looked into: they were there before any secret.
 * The node itself looks, in one pass for all of them. `since`, in seconds since 1970, leaves out what has not been touched
 * from then on; `below` are the folders to look into.
 */
export async function scanNode(
  on: OnNode,
  node: string,
  secrets: readonly NamedSecret[],
  { since = 0, below = ['/'] }: { readonly since?: number; readonly below?: readonly string[] } = {},
): Promise<readonly NodeFind[]> {
  const names = new Map(secrets.flatMap(formsOf).map(({ secret, bytes }) => [bytes.toString(), secret]))
  // They come with the script, on the shell's input: in no argument, and in no file that has a name.
  const script = `set -u; export LC_ALL=C
needles() { cat <<'NEEDLES'
${[...names.keys()].join('\n')}
NEEDLES
}
# A device that is mounted over a file is a file to find, and never ends.
look() { grep -aF -D skip -f <(needles) "$@" 2>/dev/null; }
files() {
  find ${below.join(' ')} \\( -path /proc -o -path /sys -o -name io.containerd.content.v1.content \\
    -o -name io.containerd.snapshotter.v1.overlayfs \\) -prune -o -type f -newerct @${since} -print0 2>/dev/null
}
files | while mapfile -d '' -n 2000 some && [ \${#some[@]} -gt 0 ]; do look -lZ -- "\${some[@]}"; done | while IFS= read -rd '' file; do
  stat -c 'in %a %n' "$file" || continue
  stat -c 'folder %a' "$(dirname "$file")"
  look -oh "$file" | sort -u | sed 's/^/found /'
done
echo 'in - the journal'
journalctl --no-pager --all --output=export | look -oh | sort -u | sed 's/^/found /'
`
  const finds: NodeFind[] = []
  let modes: NodeFind['modes'] = ['', '']
  let file = ''
  for (const line of (await on(node, script)).split('\n')) {
    const [, word, rest = ''] = /^(in|folder|found) (.*)$/.exec(line) ?? []
    if (word === 'in') [, modes, file] = [0, [rest.split(' ')[0] ?? '', ''], rest.slice(rest.indexOf(' ') + 1)]
    else if (word === 'folder') modes = [modes[0], rest]
    else if (word === 'found') finds.push({ node, secret: names.get(rest) ?? 'unknown', file, modes })
  }
  const distinct = new Map(finds.map((find) => [`${find.secret} ${find.file}`, find]))
  return [...distinct.values()]
}

/** The private keys on a node, wherever programs have put them, each under its file's name: what is telling of them. */
export async function keysOnNode(on: OnNode, node: string): Promise<readonly NamedSecret[]> {
  const text = await on(
    node,
    `for file in $(grep -rlsE -- '-----BEGIN .*PRIVATE KEY|client-key-data: ' /etc/kubernetes /etc/kubeedge /etc/ssh /root /home \\
  /var/lib/kubelet/pki /var/lib/rancher /var/lib/kedge | sort); do
  echo "file $file"
  sed -n 's/^ *client-key-data: //p' "$file" | base64 -d
  cat "$file"
done
`,
  )
  return text.split(/^file /m).flatMap((section) => {
    const file = section.slice(0, section.indexOf('\n'))
    const keys = section.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END/g) ?? []
    return keys.map((key) => ({ name: `${node}:${file}`, value: tellingLines(key) }))
  })
}

/** Two lines with no byte of the public half in them: all that a leak of the key would show too. */
function tellingLines(pem: string): string {
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('---'))
  // OpenSSH's own format has the public half first; an EC key is a line and a half.
  const isOpenSsh = pem.includes('OPENSSH')
  const late = lines[Math.floor(lines.length * 0.6)] ?? ''
  return (isOpenSsh ? [late, lines.at(-2) ?? ''] : [lines[0] ?? '', late]).join('\n')
}
