import type { Reporter } from '../event/event.ts'
import { jsonReporter } from '../report/json.ts'
import { liveReporter } from '../report/live.ts'
import { plainReporter } from '../report/plain.ts'
import { type GlobalOptions, type Terminal, wantsColor } from './command.ts'

/** JSON on stdout where asked for; else a live display in a terminal, and plain lines everywhere else. */
export function chooseReporter(terminal: Terminal, options: GlobalOptions & { readonly json?: boolean }): Reporter {
  if (options.json) return jsonReporter(terminal.write)
  const color = wantsColor(terminal, options)
  const isLive =
    terminal.isTty && terminal.env.TERM !== 'dumb' && !terminal.env.CI && !options.quiet && !options.verbose
  if (isLive) {
    const unicode = /utf-?8/i.test(terminal.env.LC_ALL || terminal.env.LC_CTYPE || terminal.env.LANG || '')
    return liveReporter(terminal.errorStream, { color, unicode })
  }
  return plainReporter(terminal.error, {
    color,
    verbose: options.verbose ?? false,
    quiet: options.quiet ?? false,
    timestamps: terminal.env.CI !== undefined && terminal.env.CI !== '',
  })
}
