import type { Program } from '../bundle/deliver.ts'

/** KubeEdge's installer, on both sides. */
export const keadm: readonly Program[] = [{ asset: 'keadm', path: '/usr/local/bin/keadm' }]
