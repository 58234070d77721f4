import type { CommandEntry } from '../command-group.ts'

/** Every command, in the order of `kedge --help`; its file is read when it is called. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  run: { summary: 'bring tasks, and what they need, to done', load: () => import('./run.ts') },
  plan: { summary: 'say what run would do, and why', load: () => import('./plan.ts') },
  status: { summary: 'say what is done, pending or drifted on each node', load: () => import('./status.ts') },
  verify: { summary: 'prove the deployment, with a pod on each edge', load: () => import('./verify.ts') },
  why: { summary: 'say why a node does not join, or is not Ready', load: () => import('./why.ts') },
  doctor: { summary: 'say whether the hosts are able to build this lab', load: () => import('./doctor.ts') },
  report: { summary: 'seconds per entity and phase', load: () => import('./report.ts') },
  logs: { summary: 'what a task printed', load: () => import('./logs.ts') },
  tasks: { summary: 'list the tasks', load: () => import('./tasks.ts') },
  graph: { summary: 'draw the graph of tasks', load: () => import('./graph.ts') },
  ssh: { summary: 'a shell on a node, or a command there', load: () => import('./ssh.ts') },
  kubectl: { summary: 'kubectl against the lab', load: () => import('./kubectl.ts') },
  bundle: { summary: 'make, check and prove what an air-gapped lab needs', load: () => import('./bundle.ts') },
  pack: { summary: 'make one file of this kedge, the lab file and its bundle', load: () => import('./pack.ts') },
  destroy: { summary: 'remove what kedge made, and only that', load: () => import('./destroy.ts') },
  init: { summary: 'start a lab file, or a task of your own', load: () => import('./init.ts') },
  schema: {
    summary: "print the JSON Schema of the lab file, or of a bundle's manifest",
    load: () => import('./schema.ts'),
  },
  completion: {
    summary: 'print what completes this command line in bash, zsh or fish',
    load: () => import('./completion.ts'),
  },
  help: { summary: 'explain a command or a task', load: () => import('./help.ts') },
  version: { summary: 'print version, commit and what is embedded', load: () => import('./version.ts') },
}
