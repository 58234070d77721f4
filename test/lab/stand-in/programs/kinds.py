"""The kinds that server and kubectl both know, with their paths; CustomResourceDefinitions add to them."""

# kind: (plural, namespaced, short names)
_GROUPS = {
    'v1': {
        'Node': ('nodes', False, 'no'), 'Namespace': ('namespaces', False, 'ns'), 'Pod': ('pods', True, 'po'),
        'ConfigMap': ('configmaps', True, 'cm'), 'Secret': ('secrets', True, ''), 'Service': ('services', True, 'svc'),
        'ServiceAccount': ('serviceaccounts', True, 'sa'), 'Event': ('events', True, 'ev'), 'Endpoints': ('endpoints', True, 'ep'),
        'PersistentVolume': ('persistentvolumes', False, 'pv'), 'PersistentVolumeClaim': ('persistentvolumeclaims', True, 'pvc'),
    },
    'apps/v1': {
        'Deployment': ('deployments', True, 'deploy'), 'DaemonSet': ('daemonsets', True, 'ds'),
        'ReplicaSet': ('replicasets', True, 'rs'), 'StatefulSet': ('statefulsets', True, 'sts'),
    },
    'batch/v1': {'Job': ('jobs', True, ''), 'CronJob': ('cronjobs', True, 'cj')},
    'rbac.authorization.k8s.io/v1': {
        'ClusterRole': ('clusterroles', False, ''), 'ClusterRoleBinding': ('clusterrolebindings', False, ''),
        'Role': ('roles', True, ''), 'RoleBinding': ('rolebindings', True, ''),
    },
    'coordination.k8s.io/v1': {'Lease': ('leases', True, '')},
    'certificates.k8s.io/v1': {'CertificateSigningRequest': ('certificatesigningrequests', False, 'csr')},
    'apiextensions.k8s.io/v1': {'CustomResourceDefinition': ('customresourcedefinitions', False, 'crd crds')},
    'policy/v1': {'PodDisruptionBudget': ('poddisruptionbudgets', True, 'pdb')},
    'networking.k8s.io/v1': {'NetworkPolicy': ('networkpolicies', True, 'netpol'), 'Ingress': ('ingresses', True, 'ing')},
    'storage.k8s.io/v1': {'StorageClass': ('storageclasses', False, 'sc'), 'CSINode': ('csinodes', False, '')},
    'scheduling.k8s.io/v1': {'PriorityClass': ('priorityclasses', False, 'pc')},
}


class Kind:
    def __init__(self, version, kind, plural, namespaced, short=''):
        self.version, self.kind, self.plural, self.namespaced = version, kind, plural, namespaced
        self.group = version.rpartition('/')[0]
        self.names = {plural, kind.lower(), *short.split(), f'{plural}.{self.group}' if self.group else plural}
        # deployment.apps/web: how kubectl calls an object of the kind.
        self.prefix = kind.lower() + (f'.{self.group}' if self.group else '')

    @property
    def base(self):
        return f'/apis/{self.version}' if self.group else f'/api/{self.version}'

    def path(self, namespace=None, name=None):
        middle = f'/namespaces/{namespace}' if self.namespaced and namespace else ''
        return f'{self.base}{middle}/{self.plural}' + (f'/{name}' if name else '')


KINDS = [Kind(version, kind, *rest) for version, kinds in _GROUPS.items() for kind, rest in kinds.items()]


def custom_kinds(definitions):
    """Kinds that the CustomResourceDefinitions add."""
    found = []
    for spec in (definition['spec'] for definition in definitions):
        names = spec['names']
        for version in spec['versions']:
            found.append(Kind(f'{spec["group"]}/{version["name"]}', names['kind'], names['plural'],
                              spec['scope'] == 'Namespaced', ' '.join([names.get('singular', ''), *names.get('shortNames', [])])))
    return found


def by_version(kinds, version, kind):
    return next((entry for entry in kinds if entry.version == version and entry.kind == kind), None)


def by_name(kinds, name):
    return next((entry for entry in kinds if name.lower() in entry.names), None)
