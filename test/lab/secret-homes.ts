/**
 * Where a secret of the lab may be: the one file that it is for, and what the programs it was given to keep of it. `node` is
 * the machine that was looked at, `hypervisor` among them; every path that is not named here is a leak.
 */
type Home = {
  readonly on: 'hypervisor' | 'node'
  readonly secret: RegExp
  readonly file: RegExp
  /** Whose file it is. kedge's own must be for their owner alone, in a folder that is for its owner alone. */
  readonly by: 'kedge' | 'kubernetes' | 'kubeedge' | 'cloud-init'
}

const homes: readonly Home[] = [
  { on: 'hypervisor', secret: /^key |:\/etc\/ssh\//, file: /\/\.kedge\/[^/]+\/keys\/[^/]+$/, by: 'kedge' },
  {
    on: 'hypervisor',
    secret: /^key .*\.host$|:\/etc\/ssh\//,
    file: /\/storage\/[^/]+\/[^/]+\.seed\.iso$/,
    by: 'cloud-init',
  },
  // The host key of the VM: in sshd's file, and in what cloud-init keeps of the seed.
  { on: 'node', secret: /^key .*\.host$|:\/etc\/ssh\//, file: /^\/etc\/ssh\/ssh_host_ed25519_key$/, by: 'cloud-init' },
  { on: 'node', secret: /^key .*\.host$|:\/etc\/ssh\//, file: /^\/(var\/lib|run)\/cloud/, by: 'cloud-init' },
  // Each key in its own file; kubeconfigs carry a copy; etcd has what the API server was told.
  { on: 'node', secret: /./, file: /^\/etc\/kubernetes\/(pki\/.*\.key|[\w-]+\.conf)$/, by: 'kubernetes' },
  { on: 'node', secret: /./, file: /^\/var\/lib\/kubelet\/pki\//, by: 'kubernetes' },
  { on: 'node', secret: /./, file: /^\/var\/lib\/etcd\//, by: 'kubernetes' },
  { on: 'node', secret: /./, file: /^\/root\/\.kube\/config$/, by: 'kubernetes' },
  // keadm writes the token into edgecore's own configuration, and offers no other way.
  { on: 'node', secret: /tokensecret/, file: /^\/etc\/kubeedge\/config\/edgecore\.yaml$/, by: 'kubeedge' },
  { on: 'node', secret: /:\/etc\/kubeedge\//, file: /^\/etc\/kubeedge\/certs\//, by: 'kubeedge' },
]

export type Found = {
  readonly node: string
  readonly secret: string
  readonly file: string
  readonly modes: readonly [file: string, folder: string]
}

/** Whether a secret is at home there, with the modes that such a file has to have. */
export function isAtHome({ node, secret, file, modes }: Found): boolean {
  const on = node === 'hypervisor' ? 'hypervisor' : 'node'
  const home = homes.find((each) => each.on === on && each.secret.test(secret) && each.file.test(file))
  if (!home) return false
  return home.by !== 'kedge' || (modes[0] === '600' && modes[1] === '700')
}
