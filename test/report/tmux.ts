import { rmSync, writeFileSync } from 'node:fs'

export const hasTmux = Bun.which('tmux') !== null

let servers = 0

/** A tmux server of its own: one that is just going down would refuse the next session. End it in any case. */
export function tmuxServer() {
  servers += 1
  const socket = `kedge-test-${process.pid}-${servers}`
  /** Throws what tmux complains about. */
  const tmux = (...args: string[]): string => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['tmux', '-L', socket, '-f', '/dev/null', ...args], {
      env: { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', TMUX: '' },
    })
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`)
    return stdout.toString()
  }
  return {
    /** Runs a command line of `sh` in a terminal of that size. */
    start(columns: number, rows: number, script: string) {
      tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), 'sh', '-c', script)
      tmux('set-option', '-g', 'history-limit', '20000')
      tmux('set-option', '-g', 'status', 'off')
    },
    /** Until somebody signals the channel; it may have happened already. */
    waitFor: (channel: string) => void tmux('wait-for', channel),
    press: (...keys: string[]) => void tmux('send-keys', ...keys),
    /** As if another program in the terminal had printed it. */
    print: (text: string) => writeFileSync(tmux('display-message', '-p', '#{pane_tty}').trim(), text),
    resize: (columns: number, rows: number) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    screen: () => tmux('capture-pane', '-p'),
    /** With the escape sequences of colours. */
    coloured: () => tmux('capture-pane', '-p', '-e'),
    /** What has scrolled away as well, wrapped lines in one piece. */
    everything: () => tmux('capture-pane', '-p', '-S', '-', '-J'),
    title: () => tmux('display-message', '-p', '#{pane_title}').trim(),
    showsCursor: () => tmux('display-message', '-p', '#{cursor_flag}').trim() === '1',
    /** Also where what ran in it has ended already, and the server with it. */
    end() {
      Bun.spawnSync(['tmux', '-L', socket, 'kill-server'])
      rmSync(`${process.env.TMUX_TMPDIR ?? '/tmp'}/tmux-${process.getuid?.()}/${socket}`, { force: true })
    },
  }
}

export type TmuxServer = ReturnType<typeof tmuxServer>
