import { expect, test } from 'bun:test'
import { checkDns, setUpDns } from '../../lib/distribution/cluster-dns.ts'
import { sceneOn } from '../tasks/context.ts'

const corefile = (forward: string) => `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    prometheus :9153
${forward}    cache 30
}
`
/** As kubeadm 1.28 writes it, and as K3s 1.21 does. */
const forwards = [
  '    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n',
  '    forward . /etc/resolv.conf\n',
]

function cluster(options: { readonly forward: string; readonly nameServers: boolean }) {
  let file = corefile(options.forward)
  const restarts: string[] = []
  const scene = sceneOn('master', {
    rules: {
      master: [
        [/^if systemctl -q is-active systemd-resolved/, { exitCode: options.nameServers ? 0 : 1 }],
        [/ get -n kube-system configmap coredns /, () => JSON.stringify({ data: { Corefile: file } })],
        [
          / patch configmap coredns /,
          ({ command }) => {
            file = JSON.parse(/ -p '(.*)'$/s.exec(command)?.[1] ?? '').data.Corefile
            return ''
          },
        ],
        [/ rollout restart deployment coredns$/, ({ command }) => (restarts.push(command) > 0 ? 'restarted' : '')],
      ],
    },
  })
  return { ...scene, restarts, file: () => file }
}

test.each(forwards)('without name servers CoreDNS forwards nothing: %j', async (forward) => {
  const { ctx, restarts, file } = cluster({ forward, nameServers: false })
  expect(await checkDns(ctx)).toEqual({
    done: false,
    why: 'CoreDNS forwards to name servers, and the node has none: it would not start',
  })
  await setUpDns(ctx)
  expect(file()).toBe(corefile(''))
  expect(restarts.length).toBe(1)
  expect((await checkDns(ctx)).done).toBe(true)
  await setUpDns(ctx)
  expect(restarts.length).toBe(1)
})

test.each(forwards)('with name servers it goes on forwarding: %j', async (forward) => {
  const { ctx, restarts, file } = cluster({ forward, nameServers: true })
  expect((await checkDns(ctx)).done).toBe(true)
  await setUpDns(ctx)
  expect(file()).toBe(corefile(forward))
  expect(restarts).toEqual([])
})
