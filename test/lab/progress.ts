const started = performance.now()
const stamp = (sinceMilliseconds: number) =>
  `${((performance.now() - sinceMilliseconds) / 1000).toFixed(1)} s`.padStart(8)

/** One line on stderr with the seconds since this program began. */
export const say = (text: string) => void process.stderr.write(`${stamp(started)}  ${text}\n`)

/** Announces a piece of work, does it, and says how long it took; a failure is named and passed on. */
export async function phase<T>(title: string, work: () => Promise<T> | T): Promise<T> {
  const began = performance.now()
  say(`${title} …`)
  // A long silence reads as a hang, so the work is vouched for every half minute.
  const pulse = setInterval(() => say(`${title}: still at it,${stamp(began)}`), 30_000)
  try {
    const result = await work()
    say(`${title}: done,${stamp(began)}`)
    return result
  } catch (error) {
    say(`${title}: FAILED,${stamp(began)}`)
    throw error
  } finally {
    clearInterval(pulse)
  }
}
