import { $ as base, type Shell } from 'zx'

/** zx's `$` as the lab uses it: silent, through bash, in a process group of its own so that a stop reaches every child. */
export const $: Shell = base({ shell: '/bin/bash', prefix: 'set -euo pipefail;', quiet: true, verbose: false })
