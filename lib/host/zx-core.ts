import * as zxModule from 'zx/core'

/** The part of zx that kedge itself uses, for own tasks that need no more of it. */
export const zxCore = zxModule
