import type { CommandGroup } from '../command-group.ts'

export default {
  commands: {
    create: { summary: 'fetch all that this lab needs into a bundle', load: () => import('./bundle/create.ts') },
  },
} satisfies CommandGroup
