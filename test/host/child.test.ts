import { afterEach, expect, jest, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { childOf, createChild } from '../../lib/host/child.ts'

afterEach(() => {
  jest.useRealTimers()
})

const stubborn = () => {
  const sent: string[] = []
  let abandoned = false
  const stop = new AbortController()
  const control = createChild({
    stdin: new PassThrough(),
    signals: [stop.signal],
    signalGroup: (signal) => sent.push(signal),
    abandon: () => {
      abandoned = true
    },
  })
  control.child.stdout.resume()
  control.child.stderr.resume()
  return { control, sent, stop, wasAbandoned: () => abandoned }
}

test('what does not end on SIGTERM is killed after five seconds, and let go two seconds later', () => {
  jest.useFakeTimers()
  const { sent, stop, wasAbandoned } = stubborn()
  stop.abort()
  expect(sent).toEqual(['SIGTERM'])
  jest.advanceTimersByTime(4900)
  expect(sent).toEqual(['SIGTERM'])
  jest.advanceTimersByTime(200)
  expect(sent).toEqual(['SIGTERM', 'SIGKILL'])
  expect(wasAbandoned()).toBe(false)
  jest.advanceTimersByTime(2000)
  expect(wasAbandoned()).toBe(true)
})

test('what ends on SIGTERM is not signalled again', async () => {
  const { control, sent } = stubborn()
  const closed = new Promise((resolve) => control.child.once('close', (...end) => resolve(end)))
  control.child.kill('SIGTERM')
  control.stdout.end()
  control.stderr.end()
  control.exit(null, 'SIGTERM')
  expect(await closed).toEqual([null, 'SIGTERM'])
  expect(control.child.kill('SIGTERM')).toBe(false)
  expect(sent).toEqual(['SIGTERM'])
})

test('a number that no process of this machine has, for as long as the command runs', async () => {
  const { control } = stubborn()
  const { child } = control
  expect(child.pid).toBeGreaterThan(2 ** 31)
  expect(childOf(child.pid)).toBe(child)
  const closed = new Promise((resolve) => child.once('close', resolve))
  control.fail(new Error('lost'))
  await closed
  expect(childOf(child.pid)).toBeUndefined()
})
