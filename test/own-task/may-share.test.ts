import { expect, test } from 'bun:test'
import { mayShareProcess } from '../../lib/own-task/may-share.ts'

test.each([
  [
    'a script of commands',
    "import { $ } from 'zx'\nawait $`true`\nconst out = await $({ nothrow: true })`echo 1`\nconsole.log(out.stdout)\n",
  ],
  [
    'zx/core, and types',
    'import { $, type ProcessOutput } from "zx/core";\nimport type { Options } from \'zx\'\nlet out: ProcessOutput\n',
  ],
  [
    'a task',
    "import {\n  doneIf,\n  task,\n} from 'kedge'\nexport default task({ check: ({ $, node }) => doneIf(true, ''), run: async () => {} })\n",
  ],
  ['a timer', 'await new Promise((resolve) => setTimeout(resolve, 1))\n'],
])('%s may share a process', (_, text) => {
  expect(mayShareProcess(text)).toBe(true)
})

test.each([
  ['another file', "import { name } from './name.ts'\n"],
  ['a module of node', "import { readFileSync } from 'node:fs'\n"],
  ['a package', "import one from 'esm-one'\n"],
  ['for its effect', "import 'zx/globals'\n"],
  ['all of zx', "import * as zx from 'zx'\n"],
  ['what of zx keeps settings', "import { $, cd } from 'zx'\n"],
  ['under another name', "import { $ as sh } from 'zx'\n"],
  ['in the middle', "const zx = await import('zx')\n"],
  ['with require', "const { $ } = require('zx')\n"],
  ['itself', 'console.log(import.meta.url)\n'],
  ['the process', 'process.chdir("/")\n'],
  ['the runtime', 'Bun.spawn(["true"])\n'],
  ['the global object', 'globalThis.x = 1\n'],
  ['the network', 'await fetch("http://localhost")\n'],
  ['code made of text', 'eval("1")\n'],
  ['code made of text by a constructor', '(() => {}).constructor("return this")()\n'],
  ['a prototype', 'Array.prototype.map = undefined\n'],
  ['a timer that is not waited for', 'setTimeout(() => {}, 1).unref()\n'],
  ['a setting of zx', "import { $ } from 'zx'\n$.verbose = true\n"],
  ['a setting of zx by name', "import { $ } from 'zx'\n$['verbose'] = true\n"],
  ['the console itself', 'console.group("x")\n'],
  ['a name in disguise', 'glob\\u0061lThis.x = 1\n'],
])('%s may not', (_, text) => {
  expect(mayShareProcess(text)).toBe(false)
})
