import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { expectGolden } from './expect-golden.ts'
import { hasTmux, type TmuxServer, tmuxServer } from './tmux.ts'

setDefaultTimeout(120_000)

let server: TmuxServer | undefined

/** Starts the replay in a terminal of that size and returns once it stands drawn at its first stop. */
function terminal(columns: number, rows: number, scenario: string, ...stops: string[]) {
  const replay = [process.execPath, `${import.meta.dir}/replay-live.ts`, scenario, 'drawn', ...stops]
  // A shell's prompt before and after, so that what is wiped too much or too little shows.
  const script = `PS1= ; printf 'before 1\\nbefore 2\\n$ kedge run all\\n'; ${replay.join(' ')}; printf '$ after\\n'; tmux wait-for -S over; cat`
  const at = tmuxServer()
  server = at
  at.start(columns, rows, script)
  at.waitFor('drawn')
  return {
    ...at,
    go() {
      at.press('n')
      at.waitFor('drawn')
    },
    end() {
      at.press('n')
      at.waitFor('over')
    },
    resize(toColumns: number, toRows: number) {
      at.resize(toColumns, toRows)
      at.waitFor('drawn')
    },
  }
}

const count = (text: string, part: string | RegExp): number => text.split(part).length - 1
/** The line that stays of an instance, however its names are spaced. */
const ended = (sign: string, node: string, task: string) => new RegExp(`${sign} ${node} +${task} `)

describe.skipIf(!hasTmux)('in a terminal', () => {
  afterEach(() => {
    server?.end()
    server = undefined
  })

  const sizes = [
    [80, 24],
    [120, 40],
    [40, 10],
  ] as const
  for (const [columns, rows] of sizes) {
    test(`${columns}x${rows}: two edges, from the first drawing to the prompt after it`, async () => {
      const at = terminal(columns, rows, 'two-edges', '20', '39', '100', 'end')
      await expectGolden(`terminal-two-edges-${columns}x${rows}-20s.txt`, at.screen())
      at.go()
      await expectGolden(`terminal-two-edges-${columns}x${rows}-39s.txt`, at.screen())
      at.go()
      at.go()
      at.end()
      const everything = at.everything()
      await expectGolden(`terminal-two-edges-${columns}x${rows}-after.txt`, `${everything.trimEnd()}\n`)
      expect(count(everything, 'running')).toBe(0)
      expect(at.showsCursor()).toBe(true)
      expect(at.title()).not.toBe('pwned')
    })

    test(`${columns}x${rows}: two hundred edges, nothing twice in the scrollback`, async () => {
      const at = terminal(columns, rows, 'two-hundred-edges', '36', '38', '39', '40', 'end')
      at.go()
      await expectGolden(`terminal-two-hundred-${columns}x${rows}-38s.txt`, at.screen())
      at.go()
      at.go()
      at.go()
      at.end()
      const everything = at.everything()
      for (let edge = 1; edge <= 200; edge++) expect(count(everything, ended('✔', `edge-${edge}`, 'join-edge'))).toBe(1)
      expect(count(everything, 'running')).toBe(0)
      expect(everything).toStartWith('before 1\nbefore 2\n$ kedge run all\n')
    })

    test(`${columns}x${rows}: failures stay in sight`, async () => {
      const at = terminal(columns, rows, 'failing', '60', 'end')
      await expectGolden(`terminal-failing-${columns}x${rows}-60s.txt`, at.screen())
      at.go()
      at.end()
      for (let edge = 2; edge <= 6; edge++)
        expect(count(at.everything(), ended('✖', `edge-${edge}`, 'install-runtime'))).toBe(1)
    })
  }

  test('without Unicode and colour there is nothing but ASCII, nor any colour', async () => {
    const at = terminal(80, 24, 'failing-ascii', '60', 'end')
    expect(at.screen()).toMatch(/^[\n -~]*$/)
    expect(at.coloured()).toBe(at.screen())
    await expectGolden('terminal-ascii-80x24-60s.txt', at.screen())
    at.go()
    at.end()
  })

  test('narrower and wider again: what was there before stays, and no drawing is left behind', async () => {
    const at = terminal(80, 24, 'two-edges', '39', 'end')
    at.resize(40, 24)
    await expectGolden('terminal-resized-40x24.txt', at.screen())
    at.resize(100, 30)
    await expectGolden('terminal-resized-100x30.txt', at.screen())
    at.go()
    at.end()
    const everything = at.everything()
    expect(everything).toStartWith('before 1\nbefore 2\n$ kedge run all\n')
    expect(count(everything, 'running')).toBe(0)
  })

  test('lower than the drawing is high: nothing that has ended is lost, and it goes on in what room there is', async () => {
    const at = terminal(80, 24, 'two-hundred-edges', '36', '38', 'end')
    at.resize(40, 10)
    await expectGolden('terminal-lower-40x10.txt', at.screen())
    at.go()
    at.resize(120, 40)
    await expectGolden('terminal-higher-120x40.txt', at.screen())
    at.go()
    at.end()
    const everything = at.everything()
    expect(everything).toStartWith('before 1\nbefore 2\n$ kedge run all\n')
    for (let edge = 1; edge <= 200; edge++) {
      for (const task of ['create-vms', 'disable-swap', 'join-edge', 'verify']) {
        expect(count(everything, ended('✔', `edge-${edge}`, task))).toBe(1)
      }
    }
  })
})
