import { readFileSync } from 'node:fs'
import { zxCore } from '../../host/zx-core.ts'
import * as api from '../../task/api.ts'
import { sharedGlobals, sharedZxNames } from '../may-share.ts'

// Taken before the code of a task can change them; the loops below call nothing that it could have changed.
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, isExtensible, get } = Reflect
const { is } = Object
const read = readFileSync

/**
 * What a task's code could change for those after it: globals, the language's own objects, zx's settings, what kedge gives to tasks, the
 * folder, the environment. The result says whether all is as it was.
 */
export function takeFingerprint(own: NodeJS.Process): () => boolean {
  const objects = sharedObjects()
  const { cwd, umask, eventNames, listeners, pid } = own
  const ofProcess = { own, cwd, umask, eventNames, listeners }
  const before = fingerprintOf(objects, ofProcess)
  return () => {
    // The last match of a regular expression is kept by the language.
    ;/(?:)/.test('')
    const now = fingerprintOf(objects, ofProcess)
    if (now.length !== before.length) return false
    for (let at = 0; at < now.length; at++) if (!is(now[at], before[at])) return false
    return !hasChildren(pid)
  }
}

type OfProcess = Pick<NodeJS.Process, 'cwd' | 'umask' | 'eventNames' | 'listeners'> & { readonly own: NodeJS.Process }

function sharedObjects(): readonly object[] {
  const objects = new Set<object>()
  const add = (value: unknown) => {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return
    objects.add(value)
    if (typeof value === 'function') add(getOwnPropertyDescriptor(value, 'prototype')?.value)
  }
  for (const name of sharedGlobals) add(get(globalThis, name))
  for (const name of sharedZxNames) if (name !== '$') add(zxCore[name])
  for (const each of Object.values(api)) add(each)
  add(zxCore.defaults)
  for (const each of [[].values(), ''.matchAll(/x/g), new Map().values(), new Set().values(), ''[Symbol.iterator]()]) {
    add(getPrototypeOf(each))
  }
  add(getPrototypeOf(Uint8Array))
  add(getPrototypeOf(Uint8Array.prototype))
  for (const each of [function* () {}, async () => {}, async function* () {}]) add(getPrototypeOf(each))
  return [...objects]
}

function fingerprintOf(
  objects: readonly object[],
  { own, cwd, umask, eventNames, listeners }: OfProcess,
): readonly unknown[] {
  const print: unknown[] = []
  let length = 0
  const note = (value: unknown) => {
    print[length++] = value
  }
  for (let at = 0; at < objects.length; at++) {
    const object = objects[at] as object
    note(getPrototypeOf(object))
    note(isExtensible(object))
    const keys = ownKeys(object)
    note(keys.length)
    for (let key = 0; key < keys.length; key++) {
      const name = keys[key] as string
      const property = getOwnPropertyDescriptor(object, name)
      note(name)
      note(property?.value)
      note(property?.get)
      note(property?.set)
      note((property?.writable ? 1 : 0) + (property?.enumerable ? 2 : 0) + (property?.configurable ? 4 : 0))
    }
  }
  const globals = ownKeys(globalThis)
  note(globals.length)
  for (let at = 0; at < globals.length; at++) note(globals[at])
  for (let at = 0; at < sharedGlobals.length; at++) note(get(globalThis, sharedGlobals[at] as string))
  note(cwd())
  note(umask())
  note(own.exitCode)
  const names = ownKeys(own.env)
  for (let at = 0; at < names.length; at++) {
    note(names[at])
    note(get(own.env, names[at] as string))
  }
  const events = eventNames.call(own)
  for (let at = 0; at < events.length; at++) {
    note(events[at])
    const those = listeners.call(own, events[at] as 'worker')
    for (let each = 0; each < those.length; each++) note(those[each])
  }
  return print
}

/** Where the kernel does not say, there may be some. */
function hasChildren(pid: number): boolean {
  try {
    return read(`/proc/self/task/${pid}/children`, 'latin1') !== ''
  } catch {
    return true
  }
}
