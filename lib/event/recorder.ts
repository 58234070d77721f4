import type { Emit, Event, EventBody, Reporter } from './event.ts'

/**
 * Stamps each event, hands it to the journal and then to the reporters. The journal may throw, and that stops the run; a
 * reporter that throws is dropped, and `onDropped` told once.
 */
export function createRecorder(
  run: string,
  now: () => Date,
  journal: Reporter,
  reporters: readonly Reporter[],
  onDropped: (error: unknown) => void,
): Emit {
  const active = new Set(reporters)
  return (body: EventBody) => {
    const event: Event = { at: now().toISOString(), run, ...body }
    journal(event)
    for (const reporter of active) {
      try {
        reporter(event)
      } catch (error) {
        active.delete(reporter)
        onDropped(error)
      }
    }
  }
}
