"""kubeadm's configuration file: which documents, which versions, which fields; anything else is refused."""

from standin.ground import Refusal, load_yaml, read, semver

_ARGUMENTS = {'extraArgs': 'args', 'extraVolumes': [{}], 'extraEnvs': [{}]}
_REGISTRATION = {'name': '', 'criSocket': '', 'taints': [{}], 'kubeletExtraArgs': 'args', 'ignorePreflightErrors': [''], 'imagePullPolicy': '',
                 'imagePullSerial': True}
_ENDPOINT = {'advertiseAddress': '', 'bindPort': 0}
_FIELDS = {
    'InitConfiguration': {
        'bootstrapTokens': [{}], 'nodeRegistration': _REGISTRATION, 'localAPIEndpoint': _ENDPOINT, 'certificateKey': '', 'skipPhases': [''],
        'patches': {'directory': ''}, 'dryRun': True, 'timeouts': {}},
    'ClusterConfiguration': {
        'etcd': {'local': {'imageRepository': '', 'imageTag': '', 'dataDir': '', 'extraArgs': 'args', 'serverCertSANs': [''], 'peerCertSANs': ['']},
                 'external': {}},
        'networking': {'serviceSubnet': '', 'podSubnet': '', 'dnsDomain': ''}, 'kubernetesVersion': '', 'controlPlaneEndpoint': '',
        'apiServer': {**_ARGUMENTS, 'certSANs': [''], 'timeoutForControlPlane': ''}, 'controllerManager': _ARGUMENTS, 'scheduler': _ARGUMENTS,
        'dns': {'imageRepository': '', 'imageTag': '', 'disabled': True}, 'proxy': {'disabled': True}, 'certificatesDir': '', 'imageRepository': '',
        'featureGates': {}, 'clusterName': '', 'encryptionAlgorithm': '', 'certificateValidityPeriod': '', 'caCertificateValidityPeriod': ''},
    'JoinConfiguration': {
        'nodeRegistration': _REGISTRATION, 'caCertPath': '',
        'discovery': {'bootstrapToken': {'token': '', 'apiServerEndpoint': '', 'caCertHashes': [''], 'unsafeSkipCAVerification': True},
                      'file': {'kubeConfigPath': ''}, 'tlsBootstrapToken': '', 'timeout': ''},
        'controlPlane': {'localAPIEndpoint': _ENDPOINT, 'certificateKey': ''}, 'skipPhases': [''], 'patches': {'directory': ''}, 'dryRun': True,
        'timeouts': {}},
}
_ONLY_NEW = {'timeouts', 'dryRun', 'imagePullSerial', 'extraEnvs', 'encryptionAlgorithm', 'disabled', 'proxy', 'certificateValidityPeriod',
             'caCertificateValidityPeriod'}
_ONLY_OLD = {'timeoutForControlPlane', 'timeout'}
_KUBELET_FIELDS = set('''
enableServer staticPodPath podLogsDir syncFrequency fileCheckFrequency httpCheckFrequency staticPodURL staticPodURLHeader address port readOnlyPort
tlsCertFile tlsPrivateKeyFile tlsCipherSuites tlsMinVersion rotateCertificates serverTLSBootstrap authentication authorization registryPullQPS
registryBurst eventRecordQPS eventBurst enableDebuggingHandlers enableContentionProfiling healthzPort healthzBindAddress oomScoreAdj clusterDomain
clusterDNS streamingConnectionIdleTimeout nodeStatusUpdateFrequency nodeStatusReportFrequency nodeLeaseDurationSeconds imageMinimumGCAge
imageMaximumGCAge imageGCHighThresholdPercent imageGCLowThresholdPercent volumeStatsAggPeriod kubeletCgroups systemCgroups cgroupRoot cgroupsPerQOS
cgroupDriver cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod memoryManagerPolicy topologyManagerPolicy topologyManagerScope
topologyManagerPolicyOptions qosReserved runtimeRequestTimeout hairpinMode maxPods podCIDR podPidsLimit resolvConf runOnce cpuCFSQuota
cpuCFSQuotaPeriod nodeStatusMaxImages maxOpenFiles contentType kubeAPIQPS kubeAPIBurst serializeImagePulls maxParallelImagePulls evictionHard
evictionSoft evictionSoftGracePeriod evictionPressureTransitionPeriod evictionMaxPodGracePeriod evictionMinimumReclaim podsPerCore
enableControllerAttachDetach protectKernelDefaults makeIPTablesUtilChains iptablesMasqueradeBit iptablesDropBit featureGates failSwapOn memorySwap
containerLogMaxSize containerLogMaxFiles containerLogMaxWorkers containerLogMonitorInterval configMapAndSecretChangeDetectionStrategy systemReserved
kubeReserved reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup enforceNodeAllocatable allowedUnsafeSysctls
volumePluginDir providerID kernelMemcgNotification logging enableSystemLogHandler enableSystemLogQuery shutdownGracePeriod
shutdownGracePeriodCriticalPods shutdownGracePeriodByPodPriority reservedMemory enableProfilingHandler enableDebugFlagsHandler seccompDefault
memoryThrottlingFactor registerWithTaints registerNode tracing localStorageCapacityIsolation containerRuntimeEndpoint imageServiceEndpoint
failCgroupV1 crashLoopBackOff'''.split())
_COMPONENTS = {'KubeletConfiguration': 'kubelet.config.k8s.io/v1beta1', 'KubeProxyConfiguration': 'kubeproxy.config.k8s.io/v1alpha1'}


def load(path, kubeadm_version):
    """{kind: document}"""
    text = read(path)
    if text is None:
        raise Refusal(f'unable to read config from {path!r}: open {path}: no such file or directory'.replace("'", '"'))
    found = {}
    for document in load_yaml(text):
        version, kind = document.get('apiVersion', ''), document.get('kind', '')
        if kind in found:
            raise Refusal(f'invalid configuration: kind "{kind}" is specified twice in YAML file')
        _check(document, version, kind, kubeadm_version)
        found[kind] = document
    return found


def _check(document, version, kind, kubeadm_version):
    if kind in _COMPONENTS:
        if version != _COMPONENTS[kind]:
            raise Refusal(f'no kind "{kind}" is registered for version "{version}"')
        if kind == 'KubeletConfiguration':
            for name in document.keys() - _KUBELET_FIELDS - {'apiVersion', 'kind'}:
                raise _unknown(kind, name)
        return
    minor = semver(kubeadm_version)[1]
    known = ['kubeadm.k8s.io/v1beta3'] + (['kubeadm.k8s.io/v1beta4'] if minor >= 31 else [])
    if kind not in _FIELDS or version not in known:
        raise Refusal(f'no kind "{kind}" is registered for version "{version}" in scheme "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme/scheme.go:31"')
    _fields(document, {'apiVersion': '', 'kind': '', **_FIELDS[kind]}, kind, version.endswith('v1beta4'))


def _unknown(kind, name):
    return Refusal(f'error unmarshaling configuration schema.GroupVersionKind{{Kind:"{kind}"}}: strict decoding error: unknown field "{name}"')


def _fields(value, known, kind, is_new, path=''):
    if not isinstance(value, dict):
        raise Refusal(f'json: cannot unmarshal {type(value).__name__} into Go struct field {kind}.{path.strip(".")}')
    for name, inner in value.items():
        where = f'{path}{name}'
        if name not in known or (name in _ONLY_OLD and is_new) or (name in _ONLY_NEW and not is_new):
            raise _unknown(kind, where)
        shape = known[name]
        if shape == 'args':
            _arguments(inner, kind, where, is_new)
        elif isinstance(shape, dict) and shape:
            _fields(inner, shape, kind, is_new, f'{where}.')
        elif isinstance(shape, list) != isinstance(inner, list) or (shape == '' and not isinstance(inner, str)) or (shape is True and not isinstance(inner, bool)):
            raise Refusal(f'json: cannot unmarshal {type(inner).__name__} into Go struct field {kind}.{where}')


def _arguments(value, kind, where, is_new):
    """Extra arguments were a map of texts; from v1beta4 on they are a list of name and value."""
    good = isinstance(value, list) and all(isinstance(one, dict) and one.keys() == {'name', 'value'} and isinstance(one['value'], str) for one in value) \
        if is_new else isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    if not good:
        wanted = '[]v1beta4.Arg' if is_new else 'map[string]string'
        raise Refusal(f'json: cannot unmarshal {"object" if isinstance(value, dict) else "array"} into Go struct field {kind}.{where} of type {wanted}')


def arguments_of(value):
    """Extra arguments of either version as {name: value}."""
    return {one['name']: one['value'] for one in value} if isinstance(value, list) else dict(value or {})


_IMAGES = {26: ('3.5.6-0', 'v1.9.3', '3.9'), 27: ('3.5.7-0', 'v1.10.1', '3.9'), 28: ('3.5.9-0', 'v1.10.1', '3.9'), 29: ('3.5.10-0', 'v1.11.1', '3.9'),
           30: ('3.5.12-0', 'v1.11.1', '3.9'), 31: ('3.5.15-0', 'v1.11.3', '3.10'), 32: ('3.5.16-0', 'v1.11.3', '3.10')}


def images(version, repository='registry.k8s.io'):
    """The images of one Kubernetes version, in the order in which kubeadm prints them; the sandbox image is the one before last."""
    etcd, coredns, pause = _IMAGES[min(max(semver(version)[1], 26), 32)]
    dns = f'{repository}/coredns/coredns' if repository == 'registry.k8s.io' else f'{repository}/coredns'
    return [*(f'{repository}/{name}:{version}' for name in ('kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy')),
            f'{dns}:{coredns}', f'{repository}/pause:{pause}', f'{repository}/etcd:{etcd}']
