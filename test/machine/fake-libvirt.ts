import { TaskError } from '../../lib/event/failure.ts'
import type { Answer, Rule, ScriptedCommand, ScriptedFile } from '../../lib/host/scripted.ts'
import { find, findAll, formatXml, parseXml, type XmlElement } from '../../lib/machine/xml.ts'

/** `keeps` is what libvirt will not forget without being told to: `managed-save`, `snapshots-metadata`, `nvram`. */
type Domain = {
  definition: XmlElement
  /** What runs, where that differs from the definition. */
  live?: XmlElement
  state: string
  keeps?: readonly string[]
  isTransient?: boolean
  /** Networks that were stopped while it ran: its NICs hang on no bridge. */
  loose?: Set<string>
}
type FakeNetwork = { definition: XmlElement; isActive: boolean; isAutostarted: boolean }

/**
 * A hypervisor that keeps what virsh, qemu-img and the file commands would have changed, so that a test can ask how things
 * ended instead of which commands were sent. `dieAt` makes the command of that number fail before it takes effect.
 */
export type FakeLibvirt = {
  readonly domains: Map<string, Domain>
  readonly networks: Map<string, FakeNetwork>
  readonly rules: readonly Rule[]
  /** The scripted host's own files; set it once the host is made. */
  files: Map<string, ScriptedFile>
  routes: string
  /** As in /proc/net, without the headings. */
  links: string
  neighbours: string
  imageInfo: object
  commandCount: number
  dieAt?: number
}

const quiet: Answer = ''
const missing = (what: string, name: string): Answer => ({
  stderr: `error: failed to get ${what} '${name}'`,
  exitCode: 1,
})

export function fakeLibvirt(): FakeLibvirt {
  const fake: FakeLibvirt = {
    domains: new Map(),
    networks: new Map(),
    files: new Map(),
    routes: '',
    links: '    lo: 0 0\n',
    neighbours: '',
    imageInfo: { format: 'qcow2', 'virtual-size': 8 * 2 ** 30 },
    commandCount: 0,
    rules: [[/^/, (given) => dying(fake, given)]],
  }
  return fake
}

function dying(fake: FakeLibvirt, given: ScriptedCommand): Answer {
  if (fake.dieAt === ++fake.commandCount) throw new Error('killed')
  return answerTo(fake, given)
}

function answerTo(fake: FakeLibvirt, { command, input }: ScriptedCommand): Answer {
  const virsh = /^(?:cat \| )?LC_ALL=C virsh -q -c \S+ (.*)$/s.exec(command)?.[1]
  if (virsh) return answerVirsh(fake, virsh.replaceAll("'", ''), input)
  const every = /^export LC_ALL=C\nids=\$\(virsh -q -c \S+ (net-)?list --all --uuid\)/.exec(command)
  if (every) return readAll(fake, every[1] ? 'network' : 'domain')
  return answerShell(fake, command)
}

function answerVirsh(fake: FakeLibvirt, command: string, input: string): Answer {
  const [verb = '', name = '', ...rest] = command.split(/[ ;]+/)
  const domain = byNameOrUuid(fake.domains, verb === 'dumpxml' ? (rest[0] ?? name) : name)
  const network = byNameOrUuid(fake.networks, verb === 'net-dumpxml' ? (rest[0] ?? '') : name)
  switch (verb) {
    case 'dumpxml':
      if (domain && name !== '--inactive') return formatXml(domain.live ?? domain.definition)
      return domain ? domainText(domain) : missing('domain', rest[0] ?? '')
    case 'net-dumpxml':
      return network ? networkText(network) : missing('network', rest[0] ?? '')
    case 'domiflist':
      return domain ? nicsText(fake, name, domain) : missing('domain', name)
    case 'define':
      return define(fake, parseXml(input)[0] as XmlElement)
    case 'net-define': {
      const definition = parseXml(input)[0] as XmlElement
      fake.networks.set(nameOf(definition), { definition, isActive: false, isAutostarted: false })
      return quiet
    }
    case 'domcapabilities':
      return { stderr: 'error: invalid argument: KVM is not supported', exitCode: 1 }
  }
  if (network && verb.startsWith('net-')) return changeNetwork(fake, verb, name, network)
  if (domain) return changeDomain(fake, verb, name, domain, input, rest)
  if (/^(net-)?(destroy|undefine)$/.test(verb)) return missing(verb.startsWith('net-') ? 'network' : 'domain', name)
  throw new Error(`The fake libvirt does not know: ${command}`)
}

const networksOf = ({ definition }: Domain): readonly string[] =>
  findAll(definition, ['devices', 'interface', 'source']).map(({ attributes }) => attributes.network ?? '')

/** What `virsh domiflist` prints, and behind it `ip -o link`. */
function nicsText(fake: FakeLibvirt, name: string, domain: Domain): string {
  const nics = networksOf(domain).map((network, at) => {
    if (domain.state === 'shut off') return [` -   network   ${network}   virtio   x\n`, ''] as const
    const end = `${name}.${at}`
    const bridge = find(fake.networks.get(network)?.definition as XmlElement, ['bridge'])?.attributes.name
    const master = domain.loose?.has(network) ? '' : ` master ${bridge}`
    return [
      ` ${end}   network   ${network}   virtio   x\n`,
      `${at + 2}: ${end}: <UP> mtu 1500${master} state UP\n`,
    ] as const
  })
  return [...nics.map(([row]) => row), ...nics.map(([, link]) => link)].join('')
}

function plugBack({ domains }: FakeLibvirt, end: string): Answer {
  const [name = '', at = ''] = end.split('.')
  const domain = domains.get(name) as Domain
  domain.loose?.delete(networksOf(domain)[Number(at)] ?? '')
  return quiet
}

const domainText = ({ definition, state }: Domain): string => `${formatXml(definition)}\n${state}\n\n`

function networkText({ definition, isActive, isAutostarted }: FakeNetwork): string {
  const yes = (claim: boolean) => (claim ? 'yes' : 'no')
  return `${formatXml(definition)}\nName: x\nActive:  ${yes(isActive)}\nAutostart:  ${yes(isAutostarted)}\n`
}

/** What a stranger's definition in a test does not say, libvirt would have made up. */
const uuidOf = (definition: XmlElement): string =>
  find(definition, ['uuid'])?.text ?? '00000000-0000-4000-8000-000000000000'

const byNameOrUuid = <T extends { definition: XmlElement }>(all: ReadonlyMap<string, T>, word: string): T | undefined =>
  all.get(word) ?? [...all.values()].find(({ definition }) => uuidOf(definition) === word)

function readAll(fake: FakeLibvirt, kind: 'domain' | 'network'): string {
  const ended = (definition: XmlElement, text: string) => `${text}end of ${uuidOf(definition)}\n`
  return kind === 'domain'
    ? [...fake.domains.values()].map((domain) => ended(domain.definition, domainText(domain))).join('')
    : [...fake.networks.values()].map((network) => ended(network.definition, networkText(network))).join('')
}

function define(fake: FakeLibvirt, definition: XmlElement): Answer {
  for (const { attributes } of findAll(definition, ['devices', 'interface', 'source'])) {
    if (!fake.networks.has(attributes.network ?? '')) return missing('network', attributes.network ?? '')
  }
  fake.domains.set(nameOf(definition), { definition, state: 'shut off' })
  return quiet
}

function changeNetwork(fake: FakeLibvirt, verb: string, name: string, network: FakeNetwork): Answer {
  if (verb === 'net-start') network.isActive = true
  else if (verb === 'net-destroy') {
    network.isActive = false
    for (const domain of fake.domains.values())
      if (domain.state !== 'shut off' && networksOf(domain).includes(name))
        domain.loose = new Set(domain.loose).add(name)
  } else if (verb === 'net-autostart') network.isAutostarted = true
  else if (verb === 'net-undefine') fake.networks.delete(name)
  return quiet
}

function changeDomain(
  fake: FakeLibvirt,
  verb: string,
  name: string,
  domain: Domain,
  input: string,
  options: readonly string[],
): Answer {
  if (verb === 'start') delete domain.loose
  if (verb === 'start' || verb === 'resume') domain.state = 'running'
  else if (verb === 'destroy') {
    if (domain.state === 'shut off') return { stderr: 'error: domain is not running', exitCode: 1 }
    domain.state = 'shut off'
    delete domain.live
    if (domain.isTransient) fake.domains.delete(name)
  } else if (verb === 'undefine') {
    const kept = (domain.keeps ?? []).filter((thing) => !options.includes(`--${thing}`))
    if (kept.length > 0) return { stderr: `error: domain has ${kept.join(', ')}`, exitCode: 1 }
    // libvirt forgets the definition of a running one, and lets it run on.
    if (domain.state === 'shut off') fake.domains.delete(name)
    else domain.isTransient = true
  } else if (verb === 'attach-device') {
    changeDevices(domain, options, (devices) => [...devices, ...parseXml(input)])
  } else if (verb === 'detach-disk') {
    const isIt = (device: XmlElement) => find(device, ['target'])?.attributes.dev === options[0]
    let found = false
    changeDevices(domain, options, (devices) => {
      found ||= devices.some(isIt)
      return devices.filter((device) => !isIt(device))
    })
    if (!found) return { stderr: 'error: No disk found', exitCode: 1 }
  } else throw new Error(`The fake libvirt does not know: ${verb}`)
  return quiet
}

/** Of the VM that runs with `--live`, of its definition with `--config`. */
function changeDevices(
  domain: Domain,
  options: readonly string[],
  change: (devices: readonly XmlElement[]) => readonly XmlElement[],
): void {
  const changed = (definition: XmlElement): XmlElement => ({
    ...definition,
    children: definition.children.map((child) =>
      child.name === 'devices' ? { ...child, children: change(child.children) } : child,
    ),
  })
  const before = domain.definition
  if (options.includes('--config')) domain.definition = changed(before)
  if (options.includes('--live')) domain.live = changed(domain.live ?? before)
  else if (domain.state === 'running') domain.live ??= before
}

function answerShell(fake: FakeLibvirt, given: string): Answer {
  const command = given.replace(/^umask 0\d\d; /, '')
  const { files } = fake
  const words = command.split(' ')
  const last = words.at(-1) ?? ''
  const under = (folder: string) => [...files.keys()].filter((path) => path.startsWith(`${folder}/`))
  const move = (from: string, to: string) => {
    files.set(to, files.get(from) as ScriptedFile)
    files.delete(from)
  }
  const made = /^qemu-img create .* (\S+) \d+G$/.exec(command)?.[1]
  const copied = /^cat (\S+) > (\S+); rm \S+$/.exec(command)
  const moved = /^(?:chmod 444 \S+; sync \S+; )?mv (?:-f )?(\S+) ([^\s;]+)/.exec(command)
  const listed = /^if \[ -d (\S+) \]; then ls -A/.exec(command)?.[1]
  const storage = /^cd (\S+) 2> \/dev\/null \|\| exit 0\nexport LC_ALL=C\nfor base/.exec(command)?.[1]
  const within = /^cd (\S+); rm -rf -- (.+)$/.exec(command)
  const node = /^rm -f (\S+\.)\*$/.exec(command)?.[1]
  const emptied = /^rm -rf ([^\s;]+)/.exec(command)?.[1]
  if (command.startsWith('ip link set dev')) return plugBack(fake, words[4] ?? '')
  if (/^test -[es] /.test(command)) return files.has(last) ? quiet : { exitCode: 1 }
  if (command.startsWith('stat -c %s'))
    return files.has(last) ? `${files.get(last)?.content.length}\n` : { exitCode: 1 }
  if (command.startsWith('qemu-img info')) return JSON.stringify(fake.imageInfo)
  if (made) files.set(made, { content: Buffer.from(command), mode: given.startsWith('umask 077') ? 0o600 : 0o644 })
  else if (copied) move(copied[1] as string, copied[2] as string)
  else if (moved) move(moved[1] as string, moved[2] as string)
  else if (emptied) for (const path of under(emptied)) files.delete(path)
  else if (listed)
    return [...new Set(under(listed).map((path) => path.slice(listed.length + 1).split('/')[0]))].join('\n')
  else if (storage) return storageText(files, storage)
  else if (within) {
    for (const name of (within[2] as string).split(' ')) {
      const path = `${within[1]}/${name}`
      for (const gone of [path, ...under(path)]) files.delete(gone)
    }
  } else if (node) {
    for (const path of files.keys()) if (path.startsWith(node)) files.delete(path)
  } else if (command.startsWith('rm -f')) for (const path of words.slice(2)) files.delete(path)
  else if (command.startsWith('uname')) return 'x86_64\n'
  else if (command.includes('boot_id')) return 'one boot\n'
  else if (command.startsWith('ip -4 route')) return fake.routes
  else if (command.startsWith('cat /proc/net')) return fake.links + fake.neighbours
  else if (!/^(mkdir|rmdir|tail|while IFS=)/.test(command)) throw new Error(`The fake host does not know: ${command}`)
  return quiet
}

/** Base images, folders, and each disk with its content for what qemu-img says of it. */
function storageText(files: ReadonlyMap<string, ScriptedFile>, storage: string): string {
  const paths = [...files.keys()].flatMap((path) =>
    path.startsWith(`${storage}/`) ? [path.slice(storage.length + 1)] : [],
  )
  const folders = [...new Set(paths.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))]
  const disks = paths.filter((path) => /^[^/]+\/[^/]+\.qcow2/.test(path))
  return [
    ...paths.filter((path) => /^base-[^/]*\.qcow2$/.test(path)).map((path) => `base ${path}`),
    ...folders.map((folder) => `folder ${folder}/`),
    ...disks.flatMap((path) => [
      `disk ./${path}`,
      '> disk size: 196 KiB',
      `> ${files.get(`${storage}/${path}`)?.content}`,
    ]),
  ].join('\n')
}

const nameOf = (definition: XmlElement): string => find(definition, ['name'])?.text ?? ''

/**
 * A guest that answers while its domain runs. Its addresses are those of the seed at its boot, and what was added since:
 * an interface on each NIC of the domain, by MAC address.
 */
export function fakeGuest(fake: FakeLibvirt, domain: string, addresses: ReadonlyMap<string, string>): readonly Rule[] {
  const known = new Set<string>()
  const macs = () => {
    const definition = fake.domains.get(domain)?.definition
    return definition
      ? findAll(definition, ['devices', 'interface', 'mac']).map(({ attributes }) => attributes.address ?? '')
      : []
  }
  let booted = false
  const answer = ({ command }: ScriptedCommand): Answer => {
    const isUp = fake.domains.get(domain)?.state === 'running'
    if (!isUp) return { error: new TaskError({ kind: 'unreachable', message: 'nobody is there' }) }
    if (!booted) for (const mac of macs()) known.add(mac)
    booted = true
    if (command.startsWith('ip -o link')) {
      return macs()
        .map((mac, index) => {
          const link = `${index + 2}: eth${index}: <UP> mtu 1500 link/ether ${mac} brd ff:ff:ff:ff:ff:ff`
          return known.has(mac)
            ? `${link}\n${index + 2}: eth${index}    inet ${addresses.get(mac)} brd + scope global`
            : link
        })
        .join('\n')
    }
    if (command.includes('ip address replace')) for (const mac of macs()) known.add(mac)
    return command.includes('cloud-init/result.json') ? '{"v1": {"errors": []}}' : quiet
  }
  return [[/^/, answer]]
}
