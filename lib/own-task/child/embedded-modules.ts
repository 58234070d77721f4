import type { Shell } from '../../host/host.ts'
import * as api from '../../task/api.ts'
import type { TaskContext } from '../../task/task.ts'

export type Embedding = {
  /** For a file that takes modules with `require`, which cannot wait, they are loaded at once. */
  readonly isRequired?: boolean
  /** Of zx its core alone, for files that import no more. */
  readonly isCore?: boolean
}

/**
 * What own tasks import by name on hosts where nothing is installed, loaded when one does. A process that serves one attempt after the other
 * has it once: `context` is asked for that of the attempt under way, and is made before the task's code begins; `current` gives it at once.
 */
export async function embedModules(
  context: () => Promise<TaskContext | undefined>,
  current: () => TaskContext | undefined,
  { isRequired = false, isCore = false }: Embedding = {},
): Promise<void> {
  // In the source tree kedge's own imports of zx would end up in the plug-in, and wait for themselves.
  if (!import.meta.dir.startsWith('/$bunfs/')) {
    await Promise.all([
      import('./context.ts'),
      import('./fingerprint.ts'),
      import('../../host/zx.ts').then(({ zxCli }) => zxCli()),
    ])
  }
  const zx = async () => {
    const zx = isCore ? (await import('../../host/zx-core.ts')).zxCore : (await import('../../host/zx.ts')).zx
    return (await context()) ? { ...zx, $: onNode(zx.$, current) } : { ...zx }
  }
  const kedge = async () => {
    await context()
    const given = () => {
      const ctx = current()
      if (!ctx) throw new TypeError('there is no context while a task is only asked what it is')
      return ctx
    }
    return { ...api, context: given }
  }
  const required = isRequired
    ? new Map<string, object>([
        ['kedge', await kedge()],
        ['zx', await zx()],
        ['zx/core', await zx()],
      ])
    : undefined
  Bun.plugin({
    name: 'kedge-own-tasks',
    setup(build) {
      const embed = (name: string, load: () => Promise<object>) => {
        const loaded = required?.get(name)
        if (loaded) build.module(name, () => ({ exports: { ...loaded }, loader: 'object' }))
        else build.module(name, async () => ({ exports: { ...(await load()) }, loader: 'object' }))
      }
      embed('kedge', kedge)
      embed('kedge/test', async () => ({ scene: (await import('./scene.ts')).scene }))
      embed('zx', zx)
      embed('zx/core', zx)
      embed('zx/globals', async () => {
        const exports = await zx()
        Object.assign(globalThis, exports)
        return exports
      })
      embed('zx/cli', async () => (await import('../../host/zx.ts')).zxCli())
      embed('zx/package.json', async () => {
        const { zx } = await import('../../host/zx.ts')
        const about = { name: 'zx', version: zx.VERSION }
        return { ...about, default: about }
      })
    },
  })
}

/** zx's own `$` with all that can be set on it, whose commands run on the instance's node as those of the context's `$` do. */
function onNode($: Shell, current: () => TaskContext | undefined): Shell {
  const folder = process.cwd()
  const context = () => {
    const ctx = current()
    if (!ctx) throw new TypeError('there is no attempt under way')
    return ctx
  }
  const settings = () => {
    const set = ($ as unknown as { cwd?: string }).cwd
    // zx's `cd` changes the folder of this process, and commands follow it.
    const changed = process.cwd() === folder ? undefined : process.cwd()
    const cwd = set ?? changed
    return cwd === undefined ? {} : { cwd }
  }
  return new Proxy($, {
    apply: (_shell, _self, [first, ...rest]) => {
      const shell = context().$(settings()) as unknown as (...args: unknown[]) => unknown
      return shell(first, ...rest)
    },
    get(shell, name) {
      if (name !== 'sync' || context().node.name === 'hypervisor') return Reflect.get(shell, name)
      throw new TypeError('$.sync works on this machine only; on a node use await')
    },
  })
}
