import { type Defined, readDefined, type Virsh } from './libvirt.ts'

const verbs = {
  domain: {
    stop: 'destroy',
    // With what else libvirt keeps of a VM; without these it refuses to forget one that has any.
    undefine: ['undefine', '--managed-save', '--snapshots-metadata', '--checkpoints-metadata', '--nvram'],
    runs: ({ state }: Defined) => state !== 'shut off',
  },
  network: {
    stop: 'net-destroy',
    undefine: ['net-undefine'],
    runs: ({ state }: Defined) => /^Active:\s+yes$/m.test(state),
  },
} as const

/**
 * Stops a domain or network and makes libvirt forget it. It may change meanwhile: a VM that ends by itself, and one that is
 * transient and so gone with its end, are no failures.
 */
export async function removeDefined(virsh: Virsh, kind: 'domain' | 'network', defined: Defined): Promise<void> {
  const { stop, undefine, runs } = verbs[kind]
  const { name } = defined
  if (runs(defined) && (await virsh.try([stop, name])).exitCode !== 0) {
    const now = await readDefined(virsh, kind, name)
    if (now && runs(now)) await virsh.run([stop, name])
  }
  const [verb, ...options] = undefine
  if ((await virsh.try([verb, name, ...options])).exitCode === 0) return
  if (await readDefined(virsh, kind, name)) await virsh.run([verb, name, ...options])
}
