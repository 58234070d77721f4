import { type Static, Type } from 'typebox'
import { defaults } from './defaults.ts'
import { durationPattern } from './quantity.ts'
import { mapOf, pathPattern, scalar } from './schema-node.ts'

const closed = { additionalProperties: false }

/** `[task, task@node, { task, on }]`. One schema with two types, because a union would double every complaint. */
const taskReference = (about: { readonly task: string; readonly on: string; readonly examples: readonly unknown[] }) =>
  Type.Unsafe<string | { task: string; on?: string | string[] }>({
    type: ['string', 'object'],
    title: 'task',
    description: 'A task, `task@node`, or `{ task, on }`.',
    pattern: '^[^@\\s]+(@[^@\\s]+)?$',
    properties: {
      task: {
        type: 'string',
        title: 'task',
        description: about.task,
        pattern: '^[^@\\s]+$',
        examples: ['verify'],
      },
      on: selectors(about.on, ['all', 'edge']),
    },
    required: ['task'],
    additionalProperties: false,
    examples: about.examples,
  })

const needSchema = taskReference({
  task: 'The task to wait for. Required.',
  on: 'Which of its instances to wait for: as in `on`, or `all`. Without it the one on the same node, or else all.',
  examples: ['install-runtime', 'get-token@master', { task: 'verify', on: 'all' }],
})

const beforeSchema = taskReference({
  task: 'The task that shall wait. Required.',
  on: 'Which of its instances shall wait: as in `on`; `all` makes each of them wait for this task everywhere. Without it all, each for this task on its own node where it runs there, or else everywhere.',
  examples: ['install-runtime', 'init-cluster@master', { task: 'install-runtime', on: 'edge' }],
})

function selectors(description: string, examples: readonly unknown[]) {
  return Type.Unsafe<string | string[]>({
    type: ['string', 'array'],
    title: 'selector',
    description,
    items: {
      type: 'string',
      title: 'selector',
      description: '`hypervisor`, `nodes`, `cloud`, a role, or the name of a node.',
      pattern: '^\\S+$',
      examples: ['edge'],
    },
    minItems: 1,
    pattern: '^\\S+$',
    examples,
  })
}

/** `sh: true` is the command `true`, although YAML reads a boolean. */
const command = (description: string, example: string) =>
  Type.Unsafe<string | boolean>({
    type: ['string', 'boolean'],
    title: 'command',
    description,
    pattern: '\\S',
    examples: [example],
  })

const patterns = (description: string, examples: readonly unknown[]) =>
  Type.Unsafe<string | string[]>({
    type: ['string', 'array'],
    title: 'path or pattern',
    description,
    items: {
      type: 'string',
      title: 'path or pattern',
      description: 'A file, a folder, or a pattern with `*`, `?`, `[abc]`, `**` or `{a,b}`.',
      pattern: pathPattern,
      examples: ['src/**/*.c'],
    },
    minItems: 1,
    pattern: pathPattern,
    examples,
  })

const entrySchema = Type.Object(
  {
    on: Type.Optional(
      selectors(
        'Where it runs: `hypervisor`, `nodes`, `cloud` (control plane and workers), a role, a node, or a list of these. Required, but for built-in tasks: without it where they run anyway.',
        ['edge', ['control-plane', 'worker']],
      ),
    ),
    needs: Type.Optional(
      Type.Array(needSchema, {
        description:
          'What it waits for. A task that also runs on the same node is waited for on that node only, any other one everywhere.',
        default: [],
        examples: [['create-vms'], ['install-runtime', 'get-token@master']],
      }),
    ),
    before: Type.Optional(
      Type.Array(beforeSchema, {
        description:
          'What waits for it: the same as naming this task in their `needs`, so that it can be put in front of built-in tasks.',
        default: [],
        examples: [['install-runtime'], [{ task: 'install-runtime', on: 'edge' }]],
      }),
    ),
    phase: Type.Optional(
      Type.Enum(['configuration', 'installation', 'verification'], {
        description: 'Under which heading the report counts it.',
        default: defaults.task.phase,
        examples: ['installation'],
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        title: 'duration',
        description: 'How long one attempt may take: hours, minutes, seconds.',
        pattern: durationPattern,
        default: defaults.task.timeout,
        examples: ['10m', '1h30m', '90s'],
      }),
    ),
    retries: Type.Optional(
      Type.Integer({
        description: 'How often it is tried again where waiting can help.',
        minimum: 0,
        maximum: 100,
        default: defaults.task.retries,
        examples: [2],
      }),
    ),
    env: Type.Optional(
      mapOf(
        scalar('Value of the variable.', { examples: ['http://files'] }),
        'Environment variables for its commands. Without it none of its own.',
        { examples: [{ MODEL_SERVER: 'http://files' }] },
      ),
    ),
    sh: Type.Optional(
      command(
        'The task as a bash command. Without it the built-in or own task of this name, or `script`.',
        'curl -fsS http://files/model.bin -o /opt/model.bin',
      ),
    ),
    check: Type.Optional(
      command(
        'A bash command that ends with 0 where `sh` has nothing to do. Without it, and without `inputs` and `outputs`, `sh` always runs.',
        'test -s /opt/model.bin',
      ),
    ),
    inputs: Type.Optional(
      patterns(
        'The files that it reads, or a folder for all in it. While their contents and the task are what they were in the last run that ended well, and `outputs` are there, it is done. `!` takes files out again. Relative to this file on the hypervisor; on nodes from `/` or `~/`. Without it, and without `outputs`, `check` alone decides.',
        [['src/**/*.c', 'Makefile']],
      ),
    ),
    outputs: Type.Optional(
      patterns(
        'What it makes: each path has to be there, of a pattern at least one. Paths as in `inputs`. Without it `inputs` alone decide.',
        ['hello', ['build/*.o']],
      ),
    ),
    script: Type.Optional(
      Type.String({
        title: 'path',
        description:
          'A TypeScript or JavaScript file with the task, relative to this file. Without it the file of this name in `tasks/` beside this one, or the built-in task.',
        pattern: pathPattern,
        examples: ['./tasks/fetch-model.ts'],
      }),
    ),
  },
  {
    ...closed,
    description: 'One task; `null` takes a built-in one out.',
    examples: [{ on: 'edge', sh: 'echo hello' }],
  },
)

export const taskSchema = Type.Unsafe<Static<typeof entrySchema> | null>({ ...entrySchema, type: ['object', 'null'] })
