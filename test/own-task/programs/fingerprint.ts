/* In a process without children of its own: each change that an attempt may leave, and whether the fingerprint shows it. */

import { tmpdir } from 'node:os'
import { zxCore } from '../../../lib/host/zx-core.ts'
import { takeFingerprint } from '../../../lib/own-task/child/fingerprint.ts'
import * as api from '../../../lib/task/api.ts'

/** What is changed, and put back. */
type Change = () => () => void

function set(object: object, name: PropertyKey, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Reflect.set(object, name, value)
  return () => {
    if (before) Object.defineProperty(object, name, before)
    else Reflect.deleteProperty(object, name)
  }
}

const here = process.cwd()
const listener = () => {}
const changes: Readonly<Record<string, Change>> = {
  'a method of an array': () => set(Array.prototype, 'map', () => []),
  'one more method': () => set(Object.prototype, 'more', 1),
  'a function of Math': () => set(Math, 'max', () => 0),
  'a static function': () => set(Promise, 'all', () => 0),
  'an iterator': () => set(Object.getPrototypeOf([].values()), 'next', () => ({ done: true })),
  'the console': () => set(console, 'log', () => {}),
  'a global': () => set(globalThis, 'leftBehind', 1),
  'another timer': () => set(globalThis, 'setTimeout', () => {}),
  'how much of a stack is kept': () => set(Error, 'stackTraceLimit', 3),
  'a setting of zx': () => set(zxCore.defaults, 'verbose', !zxCore.defaults.verbose),
  'a setting of zx by its $': () => {
    const before = zxCore.$.prefix
    zxCore.$.prefix = 'true; '
    return () => {
      zxCore.$.prefix = before as string
    }
  },
  'what a command gives': () => set(zxCore.ProcessOutput.prototype, 'lines', () => []),
  'what kedge gives': () => set(api.done, 'done', false),
  'a property that can be written no more': () => {
    Object.defineProperty(Math, 'min', { writable: false })
    return () => Object.defineProperty(Math, 'min', { writable: true })
  },
  'the folder': () => {
    process.chdir(tmpdir())
    return () => process.chdir(here)
  },
  'the mask of new files': () => {
    const before = process.umask(0o077)
    return () => void process.umask(before === 0o077 ? 0o022 : before)
  },
  'the environment': () => set(process.env, 'KEDGE_LEFT_BEHIND', '1'),
  'a listener': () => {
    process.on('SIGUSR2', listener)
    return () => void process.off('SIGUSR2', listener)
  },
  'the exit code': () => {
    process.exitCode = 3
    return () => {
      process.exitCode = 0
    }
  },
}

process.exitCode = 0
const isAsItWas = takeFingerprint(process)
const child = () => {
  const started = Bun.spawn(['sleep', '1000'])
  return async () => {
    started.kill('SIGKILL')
    await started.exited
  }
}
const seen: Record<string, string> = {}
for (const [name, change] of Object.entries({ ...changes, 'a child that still runs': child })) {
  const before = isAsItWas()
  const undo = change()
  const after = isAsItWas()
  await undo()
  seen[name] = before && !after && isAsItWas() ? 'seen' : `${before}, ${after}`
}
console.log(JSON.stringify(seen))
