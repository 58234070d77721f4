import type { Failure } from './failure.ts'
import { signaturesOfKubeEdge } from './signatures-of-kubeedge.ts'
import { signaturesOfNodes } from './signatures-of-nodes.ts'
import { symptoms } from './symptoms.ts'

/** Who prints the text. */
export type Program = 'keadm' | 'edgecore' | 'cloudcore' | 'kubeadm' | 'kubelet' | 'runtime' | 'pod'

/**
 * A failure that is known by what a program prints in one line. `{node}` in cause and cure stands for the node, `{name}` for
 * what the pattern's group of that name caught.
 */
export type Signature = {
  readonly name: string
  readonly patterns: readonly RegExp[]
  readonly seenIn: readonly Program[]
  /** One sentence: what is behind it. */
  readonly cause: string
  /** Something to type. */
  readonly cure: string
  /** The program only says that it waited in vain: whatever else is found explains more. */
  readonly isVague?: boolean
}

/** Of several that match the first one counts: what explains stands before what it brings about, waiting comes last. */
export const signatures: readonly Signature[] = [...signaturesOfNodes, ...signaturesOfKubeEdge, ...symptoms]

/** What is behind a failure, and what to type. */
export type KnownFailure = Pick<Signature, 'name' | 'cause' | 'cure' | 'isVague'>

/** The first signature of the table that one of the lines bears; `node` is where they were printed. */
export function knownFailure(lines: readonly string[], node: string): KnownFailure | undefined {
  for (const signature of signatures) {
    const caught = catchIn(signature, lines)
    if (caught) return inWords(signature, { ...caught, node })
  }
  return undefined
}

/** Every signature that a line bears. */
export const signaturesOf = (line: string): readonly Signature[] =>
  signatures.filter((signature) => catchIn(signature, [line]) !== undefined)

/**
 * The failure with cause and cure where its last lines or its message are known; one that has a cause keeps it. `node` is
 * the instance's, which often has things done on another machine: a disk that is full may be the hypervisor's.
 */
export function withKnownCause({ host = '', ...rest }: Failure, node: string): Failure {
  const failure: Failure = host === '' || host === node ? rest : { ...rest, host }
  const isAboutOutput = failure.kind === 'command' || failure.kind === 'timeout' || failure.kind === 'still-pending'
  if (!isAboutOutput || failure.cause) return failure
  const known = knownFailure([...(failure.lastLines ?? []), failure.message], failure.host ?? node)
  return known ? { ...failure, cause: known.cause, cure: failure.cure ?? known.cure } : failure
}

function catchIn({ patterns }: Signature, lines: readonly string[]): Readonly<Record<string, string>> | undefined {
  for (const line of lines) {
    for (const pattern of patterns) {
      const match = pattern.exec(line)
      if (match) return match.groups ?? {}
    }
  }
  return undefined
}

function inWords({ name, cause, cure, isVague }: Signature, values: Readonly<Record<string, string>>): KnownFailure {
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '')
  // The hypervisor is no node to log in to: it is this machine, or the one of the libvirt URI.
  const typed = fill(cure).replaceAll('kedge ssh hypervisor -- ', 'on the hypervisor: ')
  return { name, cause: fill(cause), cure: typed, ...(isVague ? { isVague } : {}) }
}
