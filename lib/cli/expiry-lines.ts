import type { Expiry } from '../kubeedge/expiry.ts'
import { table } from '../report/table.ts'

const marks: Readonly<Record<Expiry['state'], string>> = {
  expired: 'EXPIRED',
  soon: 'SOON',
  unknown: '?',
  good: '',
}

/** The block `certificates` of `kedge status`: a line each and, below those that share it, what to do where there is something. */
export function expiryLines(expiries: readonly Expiry[]): readonly string[] {
  const lines = table(
    expiries.map(({ node, what, state, until, daysLeft, renewsItself }) => [
      `  ${marks[state]}`,
      node,
      what,
      until === undefined || daysLeft === undefined ? '' : `until ${until.slice(0, 10)}`,
      daysLeft === undefined ? '' : daysText(daysLeft),
      until !== undefined && renewsItself ? 'renews itself' : '',
    ]),
  )
  return [
    'certificates',
    ...lines.flatMap((line, index) => {
      const note = expiries[index]?.note
      const isLast = note !== expiries[index + 1]?.note
      return note && isLast ? [line, `    → ${note}`] : [line]
    }),
  ]
}

function daysText(days: number): string {
  if (days === 0) return 'less than a day'
  const count = Math.abs(days) === 1 ? '1 day' : `${Math.abs(days)} days`
  return days < 0 ? `${count} ago` : count
}
