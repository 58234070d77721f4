import { rmSync, writeFileSync } from 'node:fs'

/** Throw-away users of this machine; only root can make them. */
export type SudoUser = {
  /** May become root without a password. */
  readonly name: string
  /** May become root, with a password that nobody has. */
  readonly nameWithPassword: string
  /** Has `nologin` for a shell. */
  readonly nameWithoutShell: string
  readonly rulesPath: string
}

export function createSudoUser(): SudoUser {
  const suffix = process.pid
  const user = {
    name: `kedge-a${suffix}`,
    nameWithPassword: `kedge-b${suffix}`,
    nameWithoutShell: `kedge-c${suffix}`,
    rulesPath: `/etc/sudoers.d/kedge-test-${suffix}`,
  }
  add(user.name, '/bin/sh')
  add(user.nameWithPassword, '/bin/bash')
  add(user.nameWithoutShell, '/usr/sbin/nologin')
  const rules = `${user.name} ALL=(ALL) NOPASSWD: ALL\n${user.nameWithPassword} ALL=(ALL) ALL\n`
  writeFileSync(user.rulesPath, rules, { mode: 0o440 })
  return user
}

export function removeSudoUser(user: SudoUser): void {
  rmSync(user.rulesPath, { force: true })
  for (const name of [user.name, user.nameWithPassword, user.nameWithoutShell])
    run(['userdel', '--force', '--remove', name])
}

function add(name: string, shell: string): void {
  // A password of `*` is none at all, but does not lock the account as sshd sees it.
  run(['useradd', '--create-home', '--shell', shell, '--password', '*', name])
}

function run(command: readonly string[]): void {
  const { success, stderr } = Bun.spawnSync([...command], { stderr: 'pipe' })
  if (!success && command[0] !== 'userdel') throw new Error(`${command.join(' ')}: ${stderr}`)
}
