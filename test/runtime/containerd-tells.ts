import type { Rule } from '../../lib/host/scripted.ts'

/** A containerd as its checks find it; what it is not asked where it does not run is left out. */
export const containerdTells = (told: { service?: string; config?: string; plugins?: string } = {}): Rule => {
  const { service = 'active', config = '  SystemdCgroup = true\n', plugins = criAnswers } = told
  const end = service === 'active' ? plugins : ''
  return [/^service=\$\(systemctl is-active containerd\)/, `${service}\n--- kedge\n${config}--- kedge\n${end}`]
}

const criAnswers = 'io.containerd.grpc.v1   cri   linux/amd64   ok   \n'
