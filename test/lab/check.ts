import type { Ground } from './ground.ts'
import { type GuestNode, type LabContent, labContent, onGuest } from './guests.ts'
import type { Lab } from './lab.ts'
import { $ } from './shell.ts'

/** One claim and whether it holds; `text` carries the figure that was seen. */
export type CheckLine = { readonly ok: boolean; readonly text: string }

/** Looks at libvirt and into the VMs with virsh and OpenSSH; nothing here goes through kedge. */
export async function check(lab: Lab, ground: Ground): Promise<CheckLine[]> {
  const content = await labContent(lab)
  const lines = await fromHypervisor(content, ground.uri)
  // One after the other: what is asked of a node includes what its neighbours let it reach.
  for (const node of content.nodes) lines.push(...(await fromNode(lab, content, node)))
  return lines
}

async function fromHypervisor({ lab, cidrs, nodes }: LabContent, uri: string): Promise<CheckLine[]> {
  const virsh = async (...words: string[]) => (await $`virsh -q -c ${uri} ${words}`.nothrow()).stdout
  const lines: CheckLine[] = []
  for (const network of Object.keys(cidrs)) {
    const xml = await virsh('net-dumpxml', `${lab}-${network}`)
    lines.push({ ok: xml.includes('<bridge') && !xml.includes('<forward'), text: `LAN ${network} is isolated` })
  }
  for (const { name, networks } of nodes) {
    const attached = (await virsh('domiflist', `${lab}-${name}`))
      .split('\n')
      .flatMap((line) => line.split(/\s+/)[3] ?? [])
    const wanted = Object.keys(networks).map((network) => `${lab}-${network}`)
    const same = wanted.length === attached.length && wanted.every((network) => attached.includes(network))
    lines.push({ ok: same, text: `${name}: NICs on ${attached.join(', ') || 'nothing'}` })
  }
  return lines
}

async function fromNode(lab: Lab, content: LabContent, node: GuestNode): Promise<CheckLine[]> {
  const { code, output } = await onGuest(lab, node.name, questions(content, node))
  const facts = new Map(
    output.split('\n').map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]),
  )
  const fact = (name: string) => facts.get(name) ?? `no answer (exit code ${code}: ${output.trim().slice(-200)})`
  const lines: CheckLine[] = []
  const expect = (what: string, name: string, wanted: string) =>
    lines.push({ ok: fact(name) === wanted, text: `${node.name}: ${what}: ${fact(name)}` })

  expect('swap areas in use', 'swaps', '0')
  expect('swap lines in fstab', 'fstab', '0')
  expect('containerd', 'containerd', 'active')
  expect('SystemdCgroup', 'cgroup', 'true')
  expect('the CRI plug-in', 'cri', 'ok')
  expect('default routes', 'default-routes', '0')
  for (const [network, address] of Object.entries(node.networks)) {
    const prefix = content.cidrs[network]?.split('/')[1]
    const has = fact('addresses').split(' ').includes(`${address}/${prefix}`)
    lines.push({
      ok: has,
      text: `${node.name}: ${address}/${prefix} on ${network}: ${has ? 'is there' : fact('addresses')}`,
    })
  }
  for (const { name, wanted, text } of reaches(content, node)) expect(text, name, wanted)
  if (node.role === 'control-plane') {
    expect(`${unopenedPort} is listened on, for the edges to find shut`, 'listener', 'yes')
    for (const { name } of content.nodes) expect(`kubectl says of ${name}`, `node-${name}`, 'Ready')
  }
  if (node.role === 'edge') {
    expect('edgecore', 'edgecore', 'active')
    expect('/etc/kubeedge/config/edgecore.yaml and certificates', 'kubeedge', 'there')
  }
  return lines
}

type Reach = { readonly name: string; readonly target: string; readonly wanted: 'open' | 'shut'; readonly text: string }
/** Listens on the control plane while the edges ask, and nobody has opened it. */
const unopenedPort = 18080

/** What an edge may reach and what it may not. The management network joins all VMs by design and is left out. */
function reaches({ nodes }: LabContent, node: GuestNode): Reach[] {
  if (node.role !== 'edge') return []
  const own = Object.keys(node.networks).filter((network) => network !== 'management')
  return nodes.flatMap((other) => {
    if (other === node) return []
    return Object.entries(other.networks).flatMap(([network, address]) => {
      if (network === 'management') return []
      const isNeighbour = own.includes(network)
      const ports = isNeighbour && other.role === 'control-plane' ? [22, 10000, 10002, unopenedPort] : [22]
      return ports.map((port) => ({
        name: `reach-${address}-${port}`,
        target: `${address}/${port}`,
        wanted: isNeighbour && port !== unopenedPort ? ('open' as const) : ('shut' as const),
        text: `${address}:${port} of ${other.name}`,
      }))
    })
  })
}

/** A script that prints `name=value` lines. */
function questions(content: LabContent, node: GuestNode): string {
  const lines = [
    'echo swaps=$(($(wc -l </proc/swaps) - 1))',
    "echo fstab=$(grep -cE '^[^#].*\\sswap\\s' /etc/fstab)",
    'echo containerd=$(systemctl is-active containerd)',
    "echo cgroup=$(containerd config dump | sed -n 's/.*SystemdCgroup *= *//p' | sort -u | tr -d '\\n')",
    'echo cri=$(ctr plugins ls | awk \'$1 == "io.containerd.grpc.v1" && $2 == "cri" { print $NF }\')',
    'echo default-routes=$(ip -4 route show default | wc -l)',
    "echo addresses=$(ip -4 -o address show | awk '{ print $4 }')",
  ]
  if (node.role === 'control-plane') {
    lines.push(
      'nodes=$(kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes --no-headers)',
      ...content.nodes.map(({ name }) => `echo node-${name}=$(echo "$nodes" | awk '$1 == "${name}" { print $2 }')`),
      // For the edges, whose turn comes after the control plane's.
      `nohup timeout 600 python3 -c 'import socket, time
s = socket.create_server(("0.0.0.0", ${unopenedPort}))
time.sleep(600)' >/dev/null 2>&1 </dev/null &`,
      'listener=no',
      'for try in 1 2 3 4 5 6 7 8 9 10; do',
      `  timeout 2 bash -c '</dev/tcp/127.0.0.1/${unopenedPort}' 2>/dev/null && listener=yes && break`,
      '  sleep 1',
      'done',
      'echo listener=$listener',
    )
  }
  if (node.role === 'edge') {
    lines.push(
      'echo edgecore=$(systemctl is-active edgecore)',
      'kubeedge=missing',
      'cd /etc/kubeedge && [ -s config/edgecore.yaml ] && [ -s ca/rootCA.crt ] && [ -s certs/server.crt ] && kubeedge=there',
      'echo kubeedge=$kubeedge',
    )
  }
  for (const { name, target } of reaches(content, node)) {
    lines.push(
      `if timeout 6 bash -c '</dev/tcp/${target}' 2>/dev/null; then echo ${name}=open; else echo ${name}=shut; fi`,
    )
  }
  return `${lines.join('\n')}\n`
}
