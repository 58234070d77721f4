import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { doneIf, task } from 'kedge'

const manifest = readFileSync(join(import.meta.dir, 'devices.yaml'), 'utf8')
const kubectl = ['kubectl', '--kubeconfig=/etc/kubernetes/admin.conf']

export default task({
  description: 'Tell KubeEdge of the camera and the water-level sensor',

  // `kubectl diff` looks only: 0 says that the cluster has them as in the file, 1 that it has not, more that it cannot say.
  async check({ $ }) {
    const { exitCode, stderr } = await $({ input: manifest })`${kubectl} diff -f -`.nothrow()
    const why =
      exitCode === 1 ? 'the devices are not as in tasks/devices.yaml' : `the cluster does not say: ${stderr.trim()}`
    return doneIf(exitCode === 0, why)
  },

  async run({ $ }) {
    await $({ input: manifest })`${kubectl} apply -f -`
  },
})
