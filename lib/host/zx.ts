import * as zxModule from 'zx'

/** The embedded zx, for own tasks that import it by name. */
export const zx = zxModule
