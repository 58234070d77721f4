/** Where CRI-O keeps images, as far as whoever imports some must know it. */
export type CrioStorage = { readonly driver: 'overlay' | 'vfs' }

const root = '/var/lib/containers/storage'
const runRoot = '/run/containers/storage'

/**
 * CRI-O's drop-in: systemd as cgroup manager, one pause image, the lab's CNI folders, and a storage that is spelled out, since
 * images are imported past CRI-O. No `clean_shutdown_file`: with one, `crio wipe` empties the whole image storage at the first
 * start after a power cut, and an edge on an isolated LAN has nowhere to pull from. Which OCI runtime and which conmon is left
 * to the package, as builds differ in where they put them.
 */
export const crioConfig = (sandbox: string, driver: CrioStorage['driver']): string => `[crio]
root = "${root}"
runroot = "${runRoot}"
storage_driver = "${driver}"
clean_shutdown_file = ""

[crio.runtime]
cgroup_manager = "systemd"
conmon_cgroup = "system.slice"

[crio.image]
pause_image = "${sandbox}"

[crio.network]
network_dir = "/etc/cni/net.d"
plugin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
`

/**
 * CRI-O takes no image name without a registry unless it is told where to look, not even for an image that it has; keadm asks
 * for `kubeedge/installation-package`, KubeEdge's chart for `kubeedge/cloudcore` and `eclipse-mosquitto`.
 */
export const registriesConfig = 'unqualified-search-registries = ["docker.io"]\n'

/** The storage that a drop-in of kedge's asks for. */
export const storageOf = (config: string): CrioStorage => ({
  driver: /^storage_driver = "vfs"$/m.test(config) ? 'vfs' : 'overlay',
})

/** An image in that storage, as skopeo names it. */
export const imageIn = ({ driver }: CrioStorage, name: string): string =>
  `containers-storage:[${driver}@${root}+${runRoot}]${name}`
