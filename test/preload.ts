import { setDefaultTimeout } from 'bun:test'

// Tests start real programs; on a small machine that is busy they take their time. What hangs is still noticed.
setDefaultTimeout(60_000)
