import { readdirSync, readFileSync } from 'node:fs'
import { findSecretsInText, type NamedSecret } from './find-secrets.ts'

/** What a process showed to everybody on its machine, once for all processes that showed the same in the same place. */
export type Shown = {
  readonly what: 'cmdline' | 'environ'
  /** The process's control groups, which tell system containers apart. */
  readonly group: string
  readonly text: string
}

export type Watch = {
  /** Ends it; what was shown meanwhile, and how often it was looked. */
  stop(): { readonly shown: readonly Shown[]; readonly looks: number }
}

/**
 * Looks at the arguments and environment of every process of this machine, system containers' among them, again and again: secrets
 * that are made in a run are known only after it. What lives for less than two looks may be missed.
 */
export function watchProcesses(everyMilliseconds = 25): Watch {
  const shown = new Map<string, Shown>()
  let looks = 0
  const look = () => {
    looks++
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      for (const what of ['cmdline', 'environ'] as const) {
        const text = textOf(`/proc/${pid}/${what}`)
        if (text === '') continue
        const known = `${what} ${text}`
        const group = shown.has(`${known} of ${pid}`) ? undefined : textOf(`/proc/${pid}/cgroup`)
        if (group === undefined) continue
        shown.set(`${known} of ${pid}`, { what, group, text })
      }
    }
  }
  look()
  const timer = setInterval(look, everyMilliseconds)
  return {
    stop() {
      clearInterval(timer)
      const distinct = new Map([...shown.values()].map((each) => [`${each.what} ${each.group} ${each.text}`, each]))
      return { shown: [...distinct.values()], looks }
    },
  }
}

/** Where a secret stood: which one, where, in whose words; never the secret itself. */
export type Showing = {
  readonly secret: string
  readonly what: Shown['what']
  readonly group: string
  readonly program: string
}

export function secretsShown(secrets: readonly NamedSecret[], shown: readonly Shown[]): readonly Showing[] {
  return shown.flatMap(({ what, group, text }) =>
    findSecretsInText(secrets, what, text).map(({ secret }) => ({
      secret,
      what,
      group,
      program: what === 'cmdline' ? text.split('\0').slice(0, 2).join(' ') : '',
    })),
  )
}

/** Empty where the process has ended meanwhile, or is a thread of the kernel's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
