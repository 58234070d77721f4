import { createServer } from 'node:net'

/*
 * `bun test --parallel` runs files side by side, each worker with a number of its own: what they listen on is kept apart by that
 * number, not by chance. Four workers have room.
 */
const worker = process.env.JEST_WORKER_ID
const slice = (Number(worker ?? 1) - 1) % 4

/** Below the ports that the kernel gives away by itself, so that no connection takes one in between. */
const firstPort = 12_000 + slice * 5000
let next = Math.floor(Math.random() * 5000)

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 5000; attempt++) {
    const port = firstPort + (next++ % 5000)
    if (await isFree(port)) return port
  }
  throw new Error(`no port of 127.0.0.1 is free from ${firstPort} on`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/**
 * Loopback addresses, for ports that are given; `part` tells the files apart that have some, `lan` is the third octet, `host`
 * the fourth. Test runs on one machine are told apart by the process.
 */
export const addressesOf = (part: number) => {
  const of = process.pid * 7 + part
  const second = worker === undefined ? 40 + (of % 200) : 40 + slice * 50 + (of % 50)
  return (lan: number, host: number) => `127.${second}.${lan}.${host}`
}
