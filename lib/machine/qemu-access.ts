import type { Host } from '../host/host.ts'

/**
 * What keeps the user that qemu runs as from reading a file of the hypervisor: the rights of the file, or those of a folder
 * on the way to it. Undefined where nothing does. With `…:///session` qemu is whoever runs kedge.
 */
export async function whyQemuCannotRead(
  hypervisor: Host,
  uri: string,
  path: string,
): Promise<'file' | 'folder' | undefined> {
  if (/\/session(\?|$)/.test(uri)) return undefined
  // The last digit of the mode: what everybody may.
  const { stdout } = await hypervisor.$`path=$(realpath -- ${path})
everybody() { local mode; mode=$(stat -c %a -- "$1"); echo $(( \${mode: -1} & $2 )); }
[ "$(everybody "$path" 4)" != 0 ] || { echo file; exit; }
while [ "$path" != / ]; do
  path=$(dirname -- "$path")
  [ "$(everybody "$path" 1)" != 0 ] || { echo folder; exit; }
done`.quiet()
  const why = stdout.trim()
  return why === 'file' || why === 'folder' ? why : undefined
}
