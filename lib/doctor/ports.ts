import { mqttPort, type Port, portName, requiredPorts } from '../kubeedge/ports.ts'
import type { Area } from './area.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

type Listener = { readonly name: string; readonly process?: string; readonly pid?: string }

/** Programs of a lab that stands already, by the purpose of their port. */
const rightful: Readonly<Record<string, RegExp>> = {
  kubelet: /^(kubelet|k3s.*)$/,
  'Kubernetes API': /^(kube-apiserver|k3s.*)$/,
  CloudHub: /^cloudcore$/,
  'CloudHub over QUIC': /^cloudcore$/,
  'CloudHub certificates': /^cloudcore$/,
  'CloudStream tunnel': /^cloudcore$/,
  'MQTT broker': /^mosquitto$/,
}

/** Nobody else may sit where the lab's programs will listen; with `mqtt: host` somebody has to. */
export const ports: Area<MachineView> = {
  script: () => `ss -Hlntup || echo 'no ss'`,

  judge(said, { node, topology }) {
    const what = 'ports'
    if (said === 'no ss') return warn(what, 'not known: there is no ss', `apt install iproute2 on ${node.name}`)
    const { mqtt, protocol } = topology.kubeedge
    const listeners = said.split('\n').flatMap(listenerIn)
    if (node.role === 'edge' && mqtt === 'host')
      return listeners.some(({ name }) => name === `${mqttPort}/tcp`)
        ? ok(what, `an MQTT broker listens on ${mqttPort}`)
        : fail(
            what,
            `nothing listens on ${mqttPort}, and the file says mqtt: host`,
            `start a broker on ${node.name} (apt install mosquitto), or write mqtt: none or mqtt: bundle`,
          )
    // The kernel's own tunnel ends at 8472, with no program behind it.
    const wanted: readonly Port[] = requiredPorts(node, protocol).filter(({ port }) => port !== 8472)
    const broker: readonly Port[] =
      node.role === 'edge' && mqtt === 'bundle' ? [{ port: mqttPort, protocol: 'tcp', purpose: 'MQTT broker' }] : []
    const all = [...wanted, ...broker]
    if (all.length === 0) return ok(what, 'an edge needs none')
    const taken = all.flatMap((port): Finding[] => {
      const name = portName(port)
      const others = listeners.filter((each) => each.name === name)
      const other = others.find(({ process = '' }) => !rightful[port.purpose]?.test(process))
      if (!other) return []
      const who = other.process ? `${other.process}, process ${other.pid}` : 'an unknown program'
      const cure = `stop it on ${node.name}: ${other.pid ? `systemctl status ${other.pid} names its service` : `ss -lntup | grep ${port.port}`}`
      return [fail(what, `${name} (${port.purpose}) is taken by ${who}`, cure)]
    })
    return taken.length > 0 ? taken : ok(what, `${all.map(portName).join(', ')}: free, or the lab’s own`)
  },
}

/** `tcp LISTEN 0 4096 *:10250 *:* users:(("kubelet",pid=812,fd=20))` */
function listenerIn(line: string): readonly Listener[] {
  const [, protocol, port] = /^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+\S+:(\d+)\s/.exec(line) ?? []
  if (!protocol || !port) return []
  const [, process, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(line) ?? []
  return [{ name: `${port}/${protocol}`, ...(process && pid ? { process, pid } : {}) }]
}
