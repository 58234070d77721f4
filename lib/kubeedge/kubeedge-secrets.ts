import { namespace } from './cloudcore.ts'
import type { Subject } from './expiry.ts'

export const secretNames = ['casecret', 'cloudcoresecret', 'cloudcore', 'tokensecret'] as const
export type SecretName = (typeof secretNames)[number]

const restartCloudCore = `kedge kubectl -n ${namespace} rollout restart deployment cloudcore`
const deleteSecrets = (...names: readonly string[]) => `kedge kubectl -n ${namespace} delete secret ${names.join(' ')}`

/**
 * The stream pair comes from a hook of the chart that runs at the first installation and never again, and CloudCore's pod does
 * not start without the secret: so it is replaced, not deleted. Not applied either, which would leave a copy of the key in an
 * annotation.
 */
const newStreamPair = (kubectl: string) =>
  [
    'openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=cloudcore',
    `-addext subjectAltName=DNS:cloudcore.${namespace},DNS:cloudcore.${namespace}.svc -keyout stream.key -out stream.crt`,
    `&& ${kubectl} -n ${namespace} create secret generic cloudcore --from-file=stream.crt --from-file=stream.key`,
    `--from-file=streamCA.crt=stream.crt --dry-run=client -o yaml | ${kubectl} replace -f - && rm stream.key`,
  ].join(' ')

/** KubeEdge's secrets that hold something with an end, by name. `node` is the control plane's, `kubectl` how it is called there. */
export const secretSubjects = (node: string, kubectl: string): Readonly<Record<SecretName, Subject>> => ({
  casecret: {
    node,
    what: "secret casecret: CloudCore's CA",
    renewsItself: false,
    cure: `every edge must join again: ${deleteSecrets('casecret', 'cloudcoresecret')} && ${restartCloudCore}, then on each edge keadm reset edge --force, then kedge run join-edge`,
  },
  cloudcoresecret: {
    node,
    what: "secret cloudcoresecret: CloudCore's server certificate",
    renewsItself: false,
    cure: `${deleteSecrets('cloudcoresecret')} && ${restartCloudCore}`,
  },
  cloudcore: {
    node,
    what: 'secret cloudcore: stream pair, for logs and exec',
    renewsItself: false,
    cure: `kedge ssh ${node}, there, in an empty folder: ${newStreamPair(kubectl)}; then ${restartCloudCore}`,
  },
  tokensecret: {
    node,
    what: 'secret tokensecret: join token',
    renewsItself: true,
    // CloudCore's refresh ends for good after one failure.
    cure: restartCloudCore,
  },
})
