import { architectures, imagePattern, kinds, namePattern, pieceRoles, unprintable } from './manifest.ts'

const text = (description: string, more: object = {}) => ({
  type: 'string',
  description,
  minLength: 1,
  not: { type: 'string', pattern: unprintable },
  ...more,
})

const pieceSchema = {
  type: 'object',
  description: 'One file of the bundle. What else stands in an entry is left alone.',
  examples: [
    {
      name: 'kubeadm',
      kind: 'file',
      version: '1.32.10',
      architecture: 'amd64',
      path: 'files/kubeadm',
      sizeBytes: 60129280,
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
  ],
  required: ['name', 'kind', 'version', 'architecture', 'path', 'sizeBytes', 'sha256'],
  properties: {
    name: text('What tasks ask for; for an image its full name with registry and tag, as the runtime lists it.', {
      examples: ['kubeadm', 'registry.k8s.io/pause:3.10'],
    }),
    kind: {
      enum: kinds,
      examples: ['file'],
      description:
        'A disk image (qcow2) that VMs start from; a tar of distribution packages with all that they need; a program; a container image as a docker-archive; Kubernetes objects in YAML.',
    },
    version: text('Its version, for people.', { examples: ['1.32.10'] }),
    architecture: {
      enum: architectures,
      examples: ['amd64'],
      description: 'Whose nodes it is for; `all` fits each of them.',
    },
    path: text(
      "Where it lies, relative to the folder of this manifest; in a bundle that is one file, the piece's sha256.",
      { examples: ['files/kubeadm'] },
    ),
    sizeBytes: {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Of the file, in bytes.',
      examples: [60129280],
    },
    sha256: {
      type: 'string',
      pattern: '^[0-9a-f]{64}$',
      description: 'Of the file, in lower-case hexadecimal.',
      examples: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    },
    source: text('Where it came from: a URL, an image reference with its registry, a file. Without it nobody knows.', {
      examples: ['https://dl.k8s.io/release/v1.32.10/bin/linux/amd64/kubeadm'],
    }),
    roles: {
      type: 'array',
      items: { enum: pieceRoles, description: 'A role.', examples: ['edge'] },
      examples: [['edge']],
      description: 'For an image: whose nodes import it. Without it, or empty: every node.',
    },
    digest: {
      type: 'string',
      pattern: '^sha256:[0-9a-f]{64}$',
      description:
        'For an image: the digest of its manifest in the registry that it came from. Without it the image is known by its configuration alone.',
      examples: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    },
  },
  if: { type: 'object', properties: { kind: { const: 'image' } }, required: ['kind'] },
  // biome-ignore lint/suspicious/noThenProperty: the word is JSON Schema's
  then: { type: 'object', properties: { name: { type: 'string', pattern: imagePattern } } },
  else: { type: 'object', properties: { name: { type: 'string', pattern: namePattern } } },
}

/** JSON Schema of a bundle's `manifest.json`, for `kedge schema bundle`. It lets through what `parseManifest` reads. */
export const manifestSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'kedge bundle',
  description: 'What a bundle holds: manifest.json in its root.',
  type: 'object',
  required: ['version', 'pieces'],
  properties: {
    version: { const: 1, description: 'Version of this format.', examples: [1] },
    pieces: { type: 'array', items: pieceSchema, description: 'Each file of the bundle.', examples: [[]] },
  },
}
