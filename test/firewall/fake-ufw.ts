import type { Rule } from '../../lib/host/scripted.ts'

export const profileFile = '/etc/ufw/applications.d/kedge'

/** What `ufw status verbose` prints, with these lines for rules. */
export const ufwStatus = (...rules: readonly string[]): string =>
  `Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), deny (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
${rules.join('\n')}

`

/** The lines of a rule for an application: one for each protocol, and the same once more for IPv6. */
export const profileRules = (ports: readonly string[]): string[] =>
  ports.flatMap((each) => [
    `${`${each} (kedge)`.padEnd(26)} ALLOW IN    Anywhere`,
    `${`${each} (kedge (v6))`.padEnd(26)} ALLOW IN    Anywhere (v6)`,
  ])

/** A ufw at work that makes its rule of the profile on disk when it is told to, and at no other time. */
export function fakeUfw(profile: () => string | undefined, ...present: readonly string[]): Rule[] {
  let rules = [...present]
  return [
    [/grep .*ENABLED=yes.* \/etc\/ufw\/ufw.conf/, ''],
    ['ufw status verbose', () => ufwStatus(...rules)],
    [
      'ufw app update kedge && ufw allow kedge',
      () => {
        rules = [...present, ...profileRules(/^ports=(.*)$/m.exec(profile() ?? '')?.[1]?.split('|') ?? [])]
        return 'Rule added\nRule added (v6)\n'
      },
    ],
  ]
}
