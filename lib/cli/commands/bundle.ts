import type { CommandGroup } from '../command-group.ts'

export default {
  help: `
Examples:
  kedge bundle create
  kedge bundle verify
  kedge bundle show /media/usb/kedge.bundle
  kedge help bundle create
`,
  commands: {
    create: { summary: 'fetch all that this lab needs into a bundle', load: () => import('./bundle/create.ts') },
    verify: {
      summary: 'say what a bundle lacks for this lab, or what of it is damaged',
      load: () => import('./bundle/verify.ts'),
    },
    show: { summary: 'list what a bundle holds', load: () => import('./bundle/show.ts') },
    prove: {
      summary: 'run all with every node cut off, and list whatever reached for the internet',
      load: () => import('./bundle/prove.ts'),
    },
    detach: { summary: "take the bundle's disk out of the lab's VMs", load: () => import('./bundle/detach.ts') },
  },
} satisfies CommandGroup
