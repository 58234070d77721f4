import { expect, test } from 'bun:test'
import { Duplex } from 'node:stream'
import { gatherWrites } from '../../lib/host/gather-writes.ts'

function recorder() {
  const got: string[] = []
  const stream = new Duplex({
    read() {},
    write(chunk, _, done) {
      got.push(String(chunk))
      done()
    },
  })
  return { got, stream: gatherWrites(stream) }
}

test('what is written within one turn goes out as one, in its order, before anything else happens', async () => {
  const { got, stream } = recorder()
  for (const text of ['length', 'content', 'tag']) stream.write(Buffer.from(text))
  expect(got).toEqual([])
  await new Promise((next) => setImmediate(next))
  stream.write(Buffer.from('more'))
  await new Promise((next) => setImmediate(next))
  expect(got).toEqual(['lengthcontenttag', 'more'])
})

test('the end comes after what was written before it', async () => {
  const { got, stream } = recorder()
  const finished = new Promise((done) => stream.once('finish', done))
  stream.write(Buffer.from('last'))
  stream.end()
  await finished
  expect(got).toEqual(['last'])
})

test('nothing is written to a stream that was destroyed in the same turn', async () => {
  const { got, stream } = recorder()
  stream.write(Buffer.from('late'))
  stream.destroy()
  await new Promise((done) => stream.once('close', done))
  expect(got).toEqual([])
})
