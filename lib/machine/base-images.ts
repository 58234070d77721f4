import type { Host } from '../host/host.ts'
import type { Topology } from '../topology/topology.ts'
import type { Defined } from './libvirt.ts'
import { formatXml } from './xml.ts'

/** A base image that stays, and for whom. */
export type KeptImage = { readonly path: string; readonly why: string }

/**
 * Removes base images that nothing refers to any more. One stays while a disk of a lab beside this one or a VM of anyone
 * refers to it, while such a disk cannot be read, and while a lab is being made that has no disk yet.
 */
export async function removeUnusedBases(
  hypervisor: Host,
  topology: Topology,
  others: readonly Defined[],
): Promise<readonly KeptImage[]> {
  const { storage } = topology.hypervisor
  const { stdout } = await hypervisor.$`cd ${storage} 2> /dev/null || exit 0
export LC_ALL=C
for base in base-*.qcow2; do if [ -e "$base" ]; then echo "base $base"; fi; done
for folder in */; do if [ -d "$folder" ]; then echo "folder $folder"; fi; done
find . -mindepth 2 -maxdepth 2 -name '*.qcow2*' -type f | while IFS= read -r disk; do
  echo "disk $disk"
  { qemu-img info -U "$disk" 2> /dev/null || echo unreadable; } | sed 's/^/> /'
done`.quiet()
  const { bases, labs } = parse(stdout)
  const domains = others.map(({ name, definition }) => ({ name, text: formatXml(definition) }))
  const kept: KeptImage[] = []
  for (const base of bases) {
    const path = `${storage}/${base}`
    const why = [
      ...[...labs].flatMap(([lab, text]) => (text.includes(base) ? [`lab ${lab} uses it`] : [])),
      ...domains.flatMap(({ name, text }) => (text.includes(base) ? [`VM ${name} uses it`] : [])),
      ...[...labs].flatMap(([lab, text]) => (/^unreadable$/m.test(text) ? [`a disk of ${lab} cannot be read`] : [])),
      ...[...labs].flatMap(([lab, text]) => (text === '' && lab !== topology.lab ? [`${lab} has no disks yet`] : [])),
    ]
    if (why.length > 0) kept.push({ path, why: why.join(', ') })
    else await hypervisor.$`rm -f ${path}`
  }
  await hypervisor.$`rmdir ${storage}`.nothrow().quiet()
  return kept
}

/**
 * Names of base images, and for each folder what qemu-img says of the disks in it. That is marked, since it has lines such
 * as `disk size: …` of its own.
 */
function parse(output: string): { readonly bases: readonly string[]; readonly labs: ReadonlyMap<string, string> } {
  const bases: string[] = []
  const labs = new Map<string, string>()
  let current = ''
  for (const line of output.split('\n')) {
    const [, kind, name = ''] = /^(base|folder|disk) (.*)$/.exec(line) ?? []
    if (kind === 'base') bases.push(name)
    else if (kind === 'folder') labs.set(name.replace(/\/$/, ''), '')
    else if (kind === 'disk') current = name.split('/')[1] ?? ''
    else if (line.startsWith('> ')) labs.set(current, `${labs.get(current) ?? ''}${line.slice(2)}\n`)
  }
  return { bases, labs }
}
