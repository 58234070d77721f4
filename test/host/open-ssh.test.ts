import { expect, test } from 'bun:test'
import { sshWords } from '../../lib/host/open-ssh.ts'

const target = { host: '192.168.22.10', port: 22, user: 'root' }
const behind = (...command: string[]) => sshWords({ target }, command).slice(sshWords({ target }, []).length)

test('a command of several words arrives as these words; a single one is a script, as with ssh itself', () => {
  expect(behind()).toEqual([])
  expect(behind('echo', 'a b', "it's")).toEqual(['--', 'echo', "'a b'", "'it'\\''s'"])
  expect(behind("sudo ss -lntup 'sport = :10000' | head")).toEqual(['--', "sudo ss -lntup 'sport = :10000' | head"])
})
