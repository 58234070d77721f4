import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { type CrashLab, places, slow } from './crash-lab.ts'

/** Where a kedge is killed. Counts are from 1. */
export type KillPoint =
  | { readonly at: 'time'; readonly seconds: number }
  /** Right after an event was recorded and shown. */
  | { readonly at: 'event'; readonly number: number }
  /** When an effect that takes long has begun. */
  | { readonly at: 'effect'; readonly of: string }
  | { readonly at: 'check'; readonly number: number }
  /** While the journal is being written to. */
  | { readonly at: 'commit'; readonly number: number }
  /** While a file is written aside. */
  | { readonly at: 'upload'; readonly place: string; readonly number: number }
  /** After the lab was taken, when what killed kedges left is ended first. */
  | { readonly at: 'sweep'; readonly afterSeconds: number }

export type Undisturbed = { readonly seconds: number; readonly events: number; readonly instances: number }

/** One of them, for a `kedge run`. */
export function drawKillPoint(random: () => number, { seconds, events, instances }: Undisturbed): KillPoint {
  const upTo = (count: number) => 1 + Math.floor(random() * count)
  const oneOf = <Item>(list: readonly Item[]) => list[Math.floor(random() * list.length)] as Item
  const points: readonly (() => KillPoint)[] = [
    () => ({ at: 'time', seconds: random() * seconds }),
    () => ({ at: 'event', number: upTo(events) }),
    () => ({ at: 'effect', of: oneOf(slow) }),
    () => ({ at: 'check', number: upTo(instances) }),
    () => ({ at: 'commit', number: upTo(instances * 2) }),
    () => ({ at: 'upload', place: oneOf(places), number: upTo(8) }),
    () => ({ at: 'sweep', afterSeconds: random() * 0.3 }),
  ]
  return oneOf(points)()
}

export type Armed = {
  /** To be told each line of `--json`. */
  saw(line: string): void
  disarm(): void
}

/** Calls `kill` when a kedge that is about to be started in that lab has come to the point. */
export function arm(point: KillPoint, lab: CrashLab, kill: () => void): Armed {
  let watcher: FSWatcher | undefined
  let timer: Timer | undefined
  let seen = 0
  const count = (number: number) => {
    if (++seen >= number) kill()
  }
  const watchFiles = (folder: string, isMeant: (name: string) => boolean, then: () => void) => {
    watcher = watch(folder, (_, name) => {
      if (name !== null && isMeant(name)) then()
    })
  }
  let saw = (_event: { readonly type: string; readonly task?: string }) => {}
  switch (point.at) {
    case 'time':
      timer = setTimeout(kill, point.seconds * 1000)
      break
    case 'event':
      saw = () => count(point.number)
      break
    case 'effect':
      saw = ({ type, task }) => {
        if (type === 'task-started' && task === point.of) kill()
      }
      break
    case 'check':
      saw = ({ type }) => {
        if (type === 'task-checking') count(point.number)
      }
      break
    case 'commit':
      watchFiles(
        lab.stateFolder,
        (name) => name.startsWith('journal.sqlite'),
        () => count(point.number),
      )
      break
    case 'upload':
      watchFiles(
        join(lab.work, point.place),
        (name) => name.startsWith('.kedge-'),
        () => count(point.number),
      )
      break
    case 'sweep':
      watchFiles(
        lab.stateFolder,
        (name) => name === 'holder.json',
        () => {
          timer ??= setTimeout(kill, point.afterSeconds * 1000)
        },
      )
      break
    default:
      point satisfies never
  }
  return {
    saw: (line) => saw(JSON.parse(line)),
    disarm() {
      watcher?.close()
      clearTimeout(timer)
    },
  }
}
