import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readPack } from '../../lib/pack/read-pack.ts'
import { builtBinary, runIn } from '../build/binary.ts'
import { makeBundle } from '../bundle/make-bundle.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-pack-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lab = join(folder, 'lab')
const pack = join(folder, 'packed/kedge-lab')
/** Where the pack is tried: nothing else is there. */
let alone: string
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
const inLab = (...words: string[]) => runIn(lab, [builtBinary(), ...words], env)
const inAlone = (...words: string[]) => runIn(alone, words, env)

const ownTask = `import { doneIf, task } from 'kedge'
import { word } from './words/word.ts'

export default task({
  description: 'Say a word',
  async check({ $ }) {
    return doneIf((await $\`test -e said\`.nothrow()).exitCode === 0, 'nothing was said')
  },
  async run({ $, asset }) {
    await $\`tail -c +\${(asset('thing').offset ?? 0) + 1} \${asset('thing').path} | head -c \${asset('thing').sizeBytes} > thing\`
    await $\`echo \${word} > said\`
  },
})
`

beforeAll(() => {
  mkdirSync(join(lab, 'tasks/words'), { recursive: true })
  mkdirSync(join(folder, 'packed'))
  const bundle = makeBundle([{ name: 'thing', architecture: 'all', content: 'a piece of the bundle' }])
  const tasks = `  first: { on: hypervisor, sh: 'cat more.txt > first', check: 'test -e first' }\n  say: { on: hypervisor, needs: [first] }\n`
  writeFileSync(
    join(lab, 'kedge.config.yaml'),
    `version: 1\nlab: carried\nextends: none\nbundle: ${bundle}\ntasks:\n${tasks}`,
  )
  writeFileSync(join(lab, 'tasks/say.ts'), ownTask)
  writeFileSync(join(lab, 'tasks/words/word.ts'), "export const word = 'hello'\n")
  writeFileSync(join(lab, 'more.txt'), 'more')
  const made = inLab('pack', '-o', pack, '--include', 'more.txt')
  if (made.exitCode !== 0) throw new Error(made.stderr)
}, 300_000)

beforeEach(() => {
  alone = mkdtempSync(join(folder, 'alone-'))
})

describe('a pack', () => {
  test('copied alone into an empty folder does its lab, with its own tasks, files and bundle', () => {
    const first = inAlone(pack, 'run', 'all')
    expect(first.stderr).toStartWith('no kedge.config.yaml here: using the lab carried that this program carries\n')
    expect(first.exitCode).toBe(0)
    const packed = join(alone, '.kedge/packed')
    expect(readFileSync(join(packed, 'said'), 'utf8')).toBe('hello\n')
    expect(readFileSync(join(packed, 'first'), 'utf8')).toBe('more')
    expect(readFileSync(join(packed, 'thing'), 'utf8')).toBe('a piece of the bundle')
    expect(inAlone(pack, 'run', 'all').stderr).toContain('2 already so')
  })

  test('is a kedge like any other: another lab file is worked on as always', () => {
    writeFileSync(
      join(alone, 'kedge.config.yaml'),
      "version: 1\nlab: other\nextends: none\ntasks:\n  here: { on: hypervisor, sh: 'touch here' }\n",
    )
    const { exitCode, stderr } = inAlone(pack, 'run', 'all')
    expect(stderr).not.toContain('carries')
    expect(exitCode).toBe(0)
    expect(existsSync(join(alone, 'here'))).toBe(true)
    expect(inAlone(pack, 'version').stdout).toBe(inAlone(builtBinary(), 'version').stdout)
  })

  test('looking leaves nothing behind', () => {
    expect(inAlone(pack, 'plan', '--offline').exitCode).toBe(0)
    expect(inAlone(pack, 'tasks').stdout).toContain('say')
    expect(readdirSync(alone)).toEqual([])
  })

  test('may be renamed, moved and read-only, and packs itself again', () => {
    const moved = join(alone, 'moved')
    copyFileSync(pack, moved)
    chmodSync(moved, 0o555)
    expect(inAlone(moved, 'plan', '--offline').exitCode).toBe(0)
    const again = inAlone(moved, 'pack', '-o', 'again')
    expect(again).toMatchObject({ exitCode: 0 })
    rmSync(moved)
    expect(readPack(join(alone, 'again'))?.claims).toEqual(readPack(pack)?.claims as never)
    expect(inAlone(join(alone, 'again'), 'run', 'all').exitCode).toBe(0)
  })
})

describe('a pack that is not whole says so before it does anything', () => {
  const { next } = randomNumbers(7)
  const damagedCopy = (): string => {
    const copy = join(alone, '..', `damaged-${Math.random().toString(16).slice(2)}`)
    copyFileSync(pack, copy)
    return copy
  }
  const mustRefuse = (copy: string, ...words: string[]) => {
    const { exitCode, stderr } = inAlone(copy, 'run', 'all', ...words)
    rmSync(copy)
    expect(stderr).toMatch(/^kedge: the pack .*(is cut off|was altered|not its own)/)
    expect(exitCode).toBe(7)
    expect(readdirSync(alone)).toEqual([])
  }
  const executableBytes = () => readPack(pack)?.claims.executableBytes as number
  /** Places behind the executable: within it a kernel or its runtime may be the first to notice. */
  const places = (count: number) => {
    const from = executableBytes()
    const size = statSync(pack).size
    const spread = Array.from({ length: count - 4 }, () => from + Math.floor(next() * (size - from)))
    return [from, from + 20, size - 1, size - 50, ...spread]
  }

  test('cut off at thirty places', () => {
    for (const at of places(30).filter((place) => place > executableBytes() + 24)) {
      const copy = damagedCopy()
      truncateSync(copy, at)
      mustRefuse(copy)
    }
  }, 120_000)

  test('with one byte changed at forty places', () => {
    for (const at of places(40)) {
      const copy = damagedCopy()
      flip(copy, at)
      mustRefuse(copy)
    }
  }, 120_000)

  test('with a byte of the executable changed that it does not stumble over', () => {
    const copy = damagedCopy()
    // In the section of names, which nothing reads.
    flip(copy, executableBytes() - 70)
    const { exitCode, stderr } = inAlone(copy, 'run', 'all')
    rmSync(copy)
    expect(stderr).toContain('was altered')
    expect(exitCode).toBe(7)
  })

  test('with something behind its end', () => {
    const copy = damagedCopy()
    const file = openSync(copy, 'a')
    writeSync(file, 'more')
    closeSync(file)
    mustRefuse(copy)
  })

  test('changed after it was found whole once', () => {
    const copy = damagedCopy()
    expect(inAlone(copy, 'run', 'all').exitCode).toBe(0)
    expect(inAlone(copy, 'run', 'all').exitCode).toBe(0)
    expect(existsSync(join(alone, '.kedge/pack-checked'))).toBe(true)
    flip(copy, (readPack(copy)?.bundle?.offset ?? 0) + 40_000)
    const { exitCode, stderr } = inAlone(copy, 'run', 'all')
    rmSync(copy)
    expect(stderr).toContain('was altered')
    expect(exitCode).toBe(7)
  })
})

describe('what is signed', () => {
  const key = join(folder, 'key')
  const other = join(folder, 'other')
  const signed = join(folder, 'signed')

  beforeAll(() => {
    for (const path of [key, other]) runIn(folder, ['/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path])
    const made = inLab('pack', '-o', signed, '--include', 'more.txt', '--sign', key)
    if (made.exitCode !== 0) throw new Error(made.stderr)
  })

  test('is taken with its key, from a file or as it stands', () => {
    expect(inAlone(signed, 'run', 'all', '--trust', `${key}.pub`).exitCode).toBe(0)
    const line = readFileSync(`${key}.pub`, 'utf8').trim()
    expect(inAlone(signed, 'plan', '--offline', '--trust', line).exitCode).toBe(0)
  })

  test('is refused with another key, and so is what nobody signed', () => {
    for (const [file, why] of [
      [signed, 'another key'],
      [pack, 'nobody has signed it'],
    ] as const) {
      const { exitCode, stderr } = inAlone(file, 'run', 'all', '--trust', `${other}.pub`)
      expect(stderr).toContain(why)
      expect(exitCode).toBe(7)
      expect(readdirSync(alone)).toEqual([])
    }
  })

  test('with a key that is none, exit 2', () => {
    writeFileSync(join(alone, 'none'), 'no key\n')
    expect(inAlone(signed, 'run', 'all', '--trust', 'none')).toMatchObject({ exitCode: 2 })
    expect(inAlone(signed, 'run', 'all', '--trust', 'nowhere')).toMatchObject({ exitCode: 2 })
  })

  test('a key with a passphrase does not sign, and nothing is made', () => {
    const locked = join(folder, 'locked')
    runIn(folder, ['/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-N', 'secret', '-f', locked])
    const { exitCode, stderr } = inLab('pack', '-o', join(alone, 'none'), '--include', 'more.txt', '--sign', locked)
    expect(stderr).toContain('has a passphrase')
    expect(exitCode).toBe(5)
    expect(readdirSync(alone)).toEqual([])
  })
})

describe('kedge pack', () => {
  test('with a damaged piece, exit 7, and nothing is made', () => {
    const broken = makeBundle([{ name: 'thing', architecture: 'all', content: 'whole' }])
    const [piece = ''] = readdirSync(join(broken, 'file'))
    writeFileSync(join(broken, 'file', piece), 'WHOLE')
    const { exitCode, stderr } = inLab('pack', '-o', join(alone, 'none'), '--include', 'more.txt', '--bundle', broken)
    expect(stderr).toContain('thing')
    expect(exitCode).toBe(7)
    expect(readdirSync(alone)).toEqual([])
  })

  test('a lab whose bundle lacks pieces is not packed: each is named', () => {
    writeFileSync(join(alone, 'kedge.config.yaml'), readFileSync(join(import.meta.dir, '../../kedge.config.yaml')))
    const { exitCode, stderr } = inAlone(
      builtBinary(),
      'pack',
      '-o',
      'none',
      '--bundle',
      makeBundle([{ name: 'keadm' }]),
    )
    expect(stderr).toContain('is not complete')
    expect(stderr).toContain('kubelet')
    expect(exitCode).toBe(7)
    expect(existsSync(join(alone, 'none'))).toBe(false)
  })

  test('a file that is there stays, unless --force says otherwise', () => {
    writeFileSync(join(alone, 'mine'), 'mine')
    const words = ['pack', '-o', join(alone, 'mine'), '--include', 'more.txt']
    expect(inLab(...words)).toMatchObject({ exitCode: 2 })
    expect(readFileSync(join(alone, 'mine'), 'utf8')).toBe('mine')
    expect(inLab(...words, '--force')).toMatchObject({ exitCode: 0 })
    expect(readPack(join(alone, 'mine'))?.claims.lab).toBe('carried')
  })

  test('what is no kedge carries nothing', () => {
    for (const program of ['/bin/true', join(lab, 'more.txt')]) {
      const made = inLab('pack', '-o', join(alone, 'none'), '--include', 'more.txt', '--executable', program)
      expect(made.stderr).toContain('executable')
      expect(made.exitCode).toBe(5)
    }
    for (const [program, why] of [
      [lab, 'it is not a file'],
      [join(lab, 'nosuch'), 'there is no such file'],
    ] as const) {
      const made = inLab('pack', '-o', join(alone, 'none'), '--include', 'more.txt', '--executable', program)
      expect(made.stderr).toContain(why)
      expect(made.exitCode).toBe(2)
    }
    expect(readdirSync(alone)).toEqual([])
  })

  test('for another architecture it takes that one’s kedge', () => {
    const arm = join(alone, 'kedge-arm64')
    copyFileSync(builtBinary(), arm)
    const file = openSync(arm, 'r+')
    // The field of the header that names the machine.
    writeSync(file, Buffer.from([183, 0]), 0, 2, 18)
    closeSync(file)
    const made = inLab('pack', '-o', join(alone, 'arm'), '--include', 'more.txt', '--executable', arm)
    expect(made.exitCode).toBe(0)
    expect(readPack(join(alone, 'arm'))?.claims.architecture).toBe('arm64')
  })

  test('killed at any moment it leaves no file of that name', async () => {
    const large = join(folder, 'large')
    renameSync(makeBundle([{ name: 'large', architecture: 'all', content: 'x'.repeat(20_000_000) }]), large)
    for (const bytes of [1, 30_000_000, 119_000_000, 135_000_000]) {
      const words = ['pack', '-o', join(alone, 'cut'), '--include', 'more.txt', '--bundle', large]
      const child = spawn(builtBinary(), words, { cwd: lab, env, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      const aside = join(alone, 'cut.part')
      while (child.exitCode === null && !((statSync(aside, { throwIfNoEntry: false })?.size ?? 0) >= bytes))
        await Bun.sleep(1)
      child.kill('SIGKILL')
      await ended
      if (child.exitCode === null) expect(existsSync(join(alone, 'cut'))).toBe(false)
      else rmSync(join(alone, 'cut'))
    }
    expect(inLab('pack', '-o', join(alone, 'cut'), '--include', 'more.txt', '--bundle', large).exitCode).toBe(0)
    expect(readdirSync(alone)).toEqual(['cut'])
  }, 60_000)

  test('a piece of half a GiB goes through little memory', async () => {
    const huge = join(folder, 'huge')
    mkdirSync(huge)
    const sizeBytes = 2 ** 29
    const file = openSync(join(huge, 'zeros'), 'w')
    ftruncateSync(file, sizeBytes)
    closeSync(file)
    // Of that many zeros.
    const sha256 = '9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767'
    const piece = { name: 'zeros', kind: 'file', version: '1', architecture: 'all', path: 'zeros', sizeBytes, sha256 }
    writeFileSync(join(huge, 'manifest.json'), JSON.stringify({ version: 1, pieces: [piece] }))
    const words = ['pack', '-o', join(alone, 'huge'), '--include', 'more.txt', '--bundle', huge]
    const child = Bun.spawn([builtBinary(), ...words], { cwd: lab, env, stdio: ['ignore', 'ignore', 'ignore'] })
    let peakKiB = 0
    while (child.exitCode === null) {
      const status = existsSync(`/proc/${child.pid}/status`) ? readFileSync(`/proc/${child.pid}/status`, 'utf8') : ''
      peakKiB = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? peakKiB)
      await Bun.sleep(20)
    }
    expect(child.exitCode).toBe(0)
    expect(peakKiB / 1024).toBeWithin(1, 200)
  }, 120_000)
})

function flip(path: string, at: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.from([(byte[0] as number) ^ 0x55]), 0, 1, at)
  closeSync(file)
}

/** Numbers in [0, 1), the same for the same seed. */
function randomNumbers(seed: number) {
  let state = seed
  return {
    next() {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    },
  }
}
