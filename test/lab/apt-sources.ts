import { existsSync } from 'node:fs'
import { type Distribution, distribution } from './packages.ts'
import { $ } from './shell.ts'

const keyrings: Readonly<Record<Distribution['id'], string>> = {
  debian: '/usr/share/keyrings/debian-archive-keyring.gpg',
  ubuntu: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
}

/**
 * One-line apt sources for the VMs: those of this machine, whatever mirror they name, less what third parties added.
 * The release files say who is who, hence the look at apt's own lists instead of at the configuration.
 */
export async function aptSources(): Promise<string[]> {
  const { id } = await distribution()
  const found = await ownSources(id)
  if (found.length > 0) return found
  await $`apt-get update -q`.nothrow()
  const second = await ownSources(id)
  if (second.length > 0) return second
  throw new Error(
    `apt on this machine knows no ${id} repository: see 'apt-get indextargets' and /etc/apt/sources.list.d`,
  )
}

async function ownSources(id: Distribution['id']): Promise<string[]> {
  const fields = '$(ORIGIN)|$(ARCHITECTURE)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)'
  const targets = await $`apt-get indextargets --format ${fields} 'Created-By: Packages'`
  const keyring = existsSync(keyrings[id]) ? `[signed-by=${keyrings[id]}] ` : ''
  const lines = targets.stdout.split('\n').flatMap((line) => {
    const [origin, architecture, uri, release, component] = line.split('|')
    const wanted = origin?.toLowerCase() === id && architecture === 'amd64' && !release?.includes('backports')
    return wanted ? [`deb ${keyring}${uri} ${release} ${component}`] : []
  })
  return [...new Set(lines)]
}
