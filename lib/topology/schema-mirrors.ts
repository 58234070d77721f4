import { Type } from 'typebox'
import { defaults } from './defaults.ts'
import { mapOf, pathPattern } from './schema-node.ts'

const closed = { additionalProperties: false }

const host = '([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?'

/** An address with a password would come into packs, manifests and messages. */
const webAddress = (description: string, more: object = {}) =>
  Type.String({
    title: 'http:// or https:// address without a password',
    description,
    pattern: `^https?://${host}(/[A-Za-z0-9._~%/+-]*)?$`,
    ...more,
  })

const source = (what: string, name: keyof typeof defaults.sources) =>
  Type.Optional(
    webAddress(`Base address of ${what}.`, {
      default: defaults.sources[name],
      examples: [`https://mirror.example/${name}`],
    }),
  )

const archive = (what: string, example: string) =>
  Type.Optional(
    webAddress(`Base address of ${what}; without it what the VM image itself names.`, {
      examples: [`http://mirror.example/${example}`],
    }),
  )

const sourcesSchema = Type.Object(
  {
    kubernetes: source('the programs of Kubernetes', 'kubernetes'),
    'cri-tools': source('crictl', 'cri-tools'),
    kubeedge: source('keadm', 'kubeedge'),
    k3s: source('K3s', 'k3s'),
    flannel: source('the pod network’s manifest', 'flannel'),
    'cloud-image': source('VM images', 'cloud-image'),
    debian: archive('Debian’s packages', 'debian'),
    'debian-security': archive('Debian’s security updates', 'debian-security'),
    ubuntu: archive('Ubuntu’s packages', 'ubuntu'),
  },
  {
    ...closed,
    description: 'What takes the place of the addresses that files and packages are fetched from; by default none.',
    examples: [{ kubernetes: 'https://mirror.example/kubernetes' }],
  },
)

const registry = Type.String({
  title: 'registry',
  description:
    'The registry that stands in for it: a host, perhaps a port and a path; `http://` before it for one without TLS.',
  pattern: `^(https?://)?${host}(/[a-z0-9._/-]*)?$`,
  examples: ['mirror.example:5000/hub'],
})

/** Where `kedge bundle create` fetches from. */
export const mirrorsSchema = Type.Object(
  {
    sources: Type.Optional(sourcesSchema),
    registries: Type.Optional(
      mapOf(registry, 'Registries of container images, each with the one that stands in for it; by default none.', {
        examples: [{ 'docker.io': 'mirror.example:5000/hub' }],
      }),
    ),
    proxy: Type.Optional(
      webAddress(
        'The proxy to fetch through; by default none. A proxy variable in the environment wins, and NO_PROXY there is obeyed.',
        { examples: ['http://proxy.example:3128'] },
      ),
    ),
    ca: Type.Optional(
      Type.String({
        title: 'path',
        description:
          'Authorities, in PEM, that may vouch for servers as well: a file, relative to this one or from `~/`; by default none.',
        pattern: pathPattern,
        examples: ['./company-ca.pem'],
      }),
    ),
  },
  {
    ...closed,
    description:
      'Where `kedge bundle create` fetches from; its options win. Without it, from where everything is published. No other command reads it.',
    examples: [{ registries: { 'docker.io': 'mirror.example:5000/hub' } }],
  },
)
