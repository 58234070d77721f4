import { TaskError } from '../../lib/event/failure.ts'
import type { Answer, Rule, ScriptedCommand, ScriptedFile } from '../../lib/host/scripted.ts'
import { find, findAll, formatXml, parseXml, type XmlElement } from '../../lib/machine/xml.ts'

type Domain = { definition: XmlElement; state: string }
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
  return answerShell(fake, command)
}

function answerVirsh(fake: FakeLibvirt, command: string, input: string): Answer {
  const [verb = '', name = '', ...rest] = command.split(/[ ;]+/)
  const domain = fake.domains.get(verb === 'dumpxml' ? (rest[0] ?? '') : name)
  const network = fake.networks.get(verb === 'net-dumpxml' ? (rest[0] ?? '') : name)
  switch (verb) {
    case 'dumpxml':
      return domain ? `${formatXml(domain.definition)}\n${domain.state}\n\n` : missing('domain', rest[0] ?? '')
    case 'net-dumpxml': {
      if (!network) return missing('network', rest[0] ?? '')
      const yes = (claim: boolean) => (claim ? 'yes' : 'no')
      return `${formatXml(network.definition)}\nName: x\nActive:  ${yes(network.isActive)}\nAutostart:  ${yes(network.isAutostarted)}\n`
    }
    case 'list':
      return [...fake.domains.keys()].join('\n')
    case 'net-list':
      return [...fake.networks.keys()].join('\n')
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
  if (domain) return changeDomain(fake, verb, name, domain, input)
  throw new Error(`The fake libvirt does not know: ${command}`)
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
  else if (verb === 'net-destroy') network.isActive = false
  else if (verb === 'net-autostart') network.isAutostarted = true
  else if (verb === 'net-undefine') fake.networks.delete(name)
  return quiet
}

function changeDomain(fake: FakeLibvirt, verb: string, name: string, domain: Domain, input: string): Answer {
  if (verb === 'start' || verb === 'resume') domain.state = 'running'
  else if (verb === 'destroy') domain.state = 'shut off'
  else if (verb === 'undefine') fake.domains.delete(name)
  else if (verb === 'attach-device') {
    const { definition } = domain
    const children = definition.children.map((child) =>
      child.name === 'devices' ? { ...child, children: [...child.children, ...parseXml(input)] } : child,
    )
    domain.definition = { ...definition, children }
  } else throw new Error(`The fake libvirt does not know: ${verb}`)
  return quiet
}

function answerShell(fake: FakeLibvirt, given: string): Answer {
  const command = given.replace(/^umask 022; /, '')
  const { files } = fake
  const words = command.split(' ')
  const last = words.at(-1) ?? ''
  const under = (folder: string) => [...files.keys()].filter((path) => path.startsWith(`${folder}/`))
  const move = (from: string, to: string) => {
    files.set(to, files.get(from) as ScriptedFile)
    files.delete(from)
  }
  const made = /^qemu-img create .* (\S+) \d+G$/.exec(command)?.[1]
  const bundleDisk = /^mke2fs .*; mv \S+ ([^\s;]+)/s.exec(command)?.[1]
  const copied = /^cat (\S+) > (\S+); rm \S+$/.exec(command)
  const moved = /^mv (?:-f )?(\S+) ([^\s;]+)/.exec(command)
  const emptied = /^rm -rf ([^\s;]+)/.exec(command)?.[1]
  if (/^test -[es] /.test(command)) return files.has(last) ? quiet : { exitCode: 1 }
  if (command.startsWith('stat -c %s'))
    return files.has(last) ? `${files.get(last)?.content.length}\n` : { exitCode: 1 }
  if (command.startsWith('qemu-img info')) return JSON.stringify(fake.imageInfo)
  if (made) files.set(made, { content: Buffer.from('overlay'), mode: 0o644 })
  else if (bundleDisk) files.set(bundleDisk, { content: Buffer.from('pieces'), mode: 0o444 })
  else if (copied) move(copied[1] as string, copied[2] as string)
  else if (moved) move(moved[1] as string, moved[2] as string)
  else if (emptied) for (const path of under(emptied)) files.delete(path)
  else if (command.startsWith('rm -f')) for (const path of words.slice(2)) files.delete(path)
  else if (command.startsWith('uname')) return 'x86_64\n'
  else if (command.includes('boot_id')) return 'one boot\n'
  else if (command.startsWith('find')) return under(words[1] ?? '').join('\n')
  else if (command.startsWith('ip -4 route')) return fake.routes
  else if (command.startsWith('ls /sys')) return 'lo'
  else if (!/^(mkdir|rmdir|tail|cd \S+; for piece)|base-\*\.qcow2/.test(command))
    throw new Error(`The fake host does not know: ${command}`)
  return quiet
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
