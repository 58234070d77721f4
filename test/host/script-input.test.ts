import { afterEach, expect, test } from 'bun:test'
import { localConnection } from '../../lib/host/local.ts'
import { createVault, variableOf } from '../../lib/host/secret.ts'

const connection = localConnection()
afterEach(() => connection.close())

test.each([
  ['has the name of its variable', (name: string) => ({ [name]: 'x' })],
  ['tells bash to export all', () => ({ SHELLOPTS: 'allexport' })],
])('a secret stays out of a child’s environment, also where the environment %s', async (_, envOf) => {
  const secret = createVault().secret(`not-for-children-${crypto.randomUUID()}`)
  const env = envOf(variableOf(secret))
  const { $ } = connection.bind({ signal: new AbortController().signal, onOutput: () => {}, env })
  const { stdout } = await $`printf %s ${secret} | wc -c; env | grep -c not-for-children || true`
  expect(stdout).toMatch(/^53\n0\n$/)
})
