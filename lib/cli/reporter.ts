import type { Reporter } from '../event/event.ts'
import type { Forecast } from '../report/forecast.ts'
import { jsonReporter } from '../report/json.ts'
import { liveReporter } from '../report/live.ts'
import { plainReporter } from '../report/plain.ts'
import { type GlobalOptions, type Terminal, wantsColor, wantsUnicode } from './command.ts'

export type Display = GlobalOptions & {
  readonly json?: boolean
  /** Asked only where something shows it. */
  readonly forecast?: () => Forecast | undefined
}

/** JSON on stdout where asked for; else a live display in a terminal, and plain lines everywhere else. */
export function chooseReporter(terminal: Terminal, options: Display): Reporter {
  const { json, quiet = false, verbose = false } = options
  if (json) return jsonReporter(terminal.write)
  const color = wantsColor(terminal, options)
  const unicode = showsUnicode(terminal)
  const forecast = quiet ? undefined : options.forecast?.()
  const isCi = isOn(terminal.env.CI)
  if (isTerminal(terminal) && !isCi && !quiet && !verbose) {
    const live = liveReporter(terminal.errorStream, { color, unicode, forecast, stop: terminal.signal })
    terminal.atResume?.(live.beginAnew)
    return live
  }
  const stop = terminal.signal
  return plainReporter(terminal.error, { color, unicode, verbose, quiet, forecast, stop, timestamps: isCi })
}

/** One in which lines can be drawn anew, and that is not shared with what another program makes of stdout. */
const isTerminal = ({ isTty, isOutputTty = false, env }: Terminal): boolean =>
  isTty && isOutputTty && env.TERM !== undefined && env.TERM !== '' && env.TERM !== 'dumb'

/** Where it goes to a file or a pipe, nothing is known of who reads it: it stays as it is. */
export const showsUnicode = (terminal: Terminal): boolean => !terminal.isTty || wantsUnicode(terminal)

const isOn = (value: string | undefined): boolean => value !== undefined && !/^(|0|false|no)$/i.test(value)
