import * as zxModule from 'zx'

/** The embedded zx, for own tasks that import it by name. */
export const zx = zxModule

/** What `zx/cli` exports. */
export const zxCli = async (): Promise<object> => await import('zx/cli')
