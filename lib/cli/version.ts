import { version } from '../../package.json'

declare const KEDGE_COMMIT: string | undefined

/** kedge's own version, and the commit that it was built from. */
export const kedgeVersion: string = version
export const kedgeCommit: string = typeof KEDGE_COMMIT === 'string' ? KEDGE_COMMIT : 'source'
