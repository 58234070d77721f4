import type { Shell } from '../../host/host.ts'
import * as api from '../../task/api.ts'
import type { TaskContext } from '../../task/task.ts'

/**
 * What own tasks import by name on hosts where nothing is installed, loaded when one does; for a file that takes it with `require`,
 * which cannot wait, at once.
 */
export async function embedModules(context: () => Promise<TaskContext | undefined>, isRequired = false): Promise<void> {
  // In the source tree kedge's own imports of zx would end up in the plug-in, and wait for themselves.
  if (!import.meta.dir.startsWith('/$bunfs/')) {
    await Promise.all([import('./context.ts'), import('../../host/zx.ts').then(({ zxCli }) => zxCli())])
  }
  const zx = async () => {
    const { zx } = await import('../../host/zx.ts')
    const ctx = await context()
    return ctx ? { ...zx, $: onNode(zx.$, ctx) } : { ...zx }
  }
  const kedge = async () => {
    const ctx = await context()
    const given = () => {
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
function onNode($: Shell, ctx: TaskContext): Shell {
  const folder = process.cwd()
  const settings = () => {
    const set = ($ as unknown as { cwd?: string }).cwd
    // zx's `cd` changes the folder of this process, and commands follow it.
    const changed = process.cwd() === folder ? undefined : process.cwd()
    const cwd = set ?? changed
    return cwd === undefined ? {} : { cwd }
  }
  return new Proxy($, {
    apply: (_shell, _self, [first, ...rest]) => {
      const shell = ctx.$(settings()) as unknown as (...args: unknown[]) => unknown
      return shell(first, ...rest)
    },
    get(shell, name) {
      if (name !== 'sync' || ctx.node.name === 'hypervisor') return Reflect.get(shell, name)
      throw new TypeError('$.sync works on this machine only; on a node use await')
    },
  })
}
