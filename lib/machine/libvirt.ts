import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import { find, parseXml, type XmlElement } from './xml.ts'

/** A definition in libvirt with its state. */
export type Defined = { readonly definition: XmlElement; readonly name: string; readonly state: string }

type Answer = { readonly stdout: string; readonly stderr: string; readonly exitCode: number | null }

/** virsh on the hypervisor, in English and without decoration. */
export type Virsh = {
  /** What it printed; a failure is thrown as zx throws it. `input` is what `/dev/stdin` stands for among the arguments. */
  run(args: readonly string[], input?: string): Promise<string>
  /** What it printed and how it ended. */
  try(args: readonly string[]): Promise<Answer>
}

/**
 * The URI to use on the hypervisor itself: `qemu+ssh://user@host/system` is `qemu:///system` there, since commands already
 * run on that host. Of the parameters only `socket` means anything without the transport.
 */
export function libvirtUri(uri: string): string {
  const [, driver, , path = '', query = ''] =
    /^([a-z]+)\+(?:ssh|libssh|libssh2):\/\/([^/?]*)([^?]*)\??(.*)$/.exec(uri) ?? []
  if (!driver) return uri
  const socket = new URLSearchParams(query).get('socket')
  return `${driver}://${path}${socket ? `?socket=${socket}` : ''}`
}

export function virshOn(hypervisor: Host, uri: string): Virsh {
  const connect = libvirtUri(uri)
  return {
    run: async (args, input) => {
      try {
        if (input === undefined)
          return (await hypervisor.$`LC_ALL=C virsh -q -c ${connect} ${[...args]}`.quiet()).stdout
        // Through cat, since what a program is given as its stdin may be a socket, and /dev/stdin opens pipes only.
        return (await hypervisor.$({ input })`cat | LC_ALL=C virsh -q -c ${connect} ${[...args]}`).stdout
      } catch (error) {
        throw explained(error)
      }
    },
    try: async (args) => await hypervisor.$`LC_ALL=C virsh -q -c ${connect} ${[...args]}`.nothrow().quiet(),
  }
}

/** A libvirt that is not there is told in kedge's words, once and for all; anything else as it came. */
export function explained(failure: unknown): unknown {
  const { stderr } = failure as { readonly stderr?: unknown }
  if (typeof stderr !== 'string') return failure
  const line = (pattern: RegExp) => stderr.split('\n').findLast((candidate) => pattern.test(candidate))
  if (line(/virsh: command not found/)) {
    return refused(
      'there is no virsh on the hypervisor',
      'install libvirt there (Debian: libvirt-daemon-system, libvirt-clients)',
    )
  }
  if (!line(/failed to connect to the hypervisor/)) return failure
  return refused(
    `libvirt does not answer: ${line(/^error: (?!failed)/)?.slice('error: '.length) ?? 'failed to connect to the hypervisor'}`,
    'systemctl start libvirtd on the hypervisor, or name another one in hypervisor.uri',
  )
}

/** One domain or network by name, or undefined where libvirt knows none of that name. */
export async function readDefined(
  virsh: Virsh,
  kind: 'domain' | 'network',
  name: string,
): Promise<Defined | undefined> {
  // One process for both questions: each start of virsh costs more than its answer.
  const script =
    kind === 'domain'
      ? `dumpxml --inactive ${name}; domstate ${name}`
      : `net-dumpxml --inactive ${name}; net-info ${name}`
  const answer = await virsh.try([script])
  if (answer.exitCode === 0) return parseDefined(answer.stdout, kind)
  const gone = kind === 'domain' ? /failed to get domain|Domain not found/ : /failed to get network|Network not found/
  if (gone.test(answer.stderr)) return undefined
  throw explained(answer)
}

/**
 * Every domain or network of this libvirt, whoever made it. One that cannot be read is no reason to take it for gone: then
 * this throws.
 */
export async function allDefined(
  hypervisor: Host,
  uri: string,
  kind: 'domain' | 'network',
): Promise<readonly Defined[]> {
  const virsh = ['virsh', '-q', '-c', libvirtUri(uri)]
  const list = kind === 'domain' ? 'list' : 'net-list'
  const [definition, state] = kind === 'domain' ? ['dumpxml', 'domstate'] : ['net-dumpxml', 'net-info']
  const output = await hypervisor.$`export LC_ALL=C
ids=$(${virsh} ${list} --all --uuid)
for id in $ids; do
  { ${virsh} ${definition} --inactive "$id" && ${virsh} ${state} "$id"; } 2> /dev/null || true
  echo "end of $id"
done`
    .quiet()
    .catch((error) => {
      throw explained(error)
    })
  const parts = output.stdout.split(/^end of ([0-9a-f-]{36})\n/m)
  const found = parts.flatMap((text, at) =>
    at % 2 === 0 && at + 1 < parts.length ? [{ text, id: parts[at + 1] ?? '' }] : [],
  )
  const read = await Promise.all(
    found.map(({ text, id }) =>
      text.includes(`</${kind}>`) ? parseDefined(text, kind) : readDefined(virshOn(hypervisor, uri), kind, id),
    ),
  )
  return read.filter((defined) => defined !== undefined)
}

function parseDefined(output: string, kind: 'domain' | 'network'): Defined {
  const end = output.lastIndexOf(`</${kind}>`) + `</${kind}>`.length
  const definition = parseXml(output.slice(0, end)).find((element) => element.name === kind)
  if (!definition) throw new Error(`virsh printed no <${kind}>: ${output.slice(0, 200)}`)
  return { definition, name: find(definition, ['name'])?.text ?? '', state: output.slice(end).trim() }
}
