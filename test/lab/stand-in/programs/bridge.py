"""What the bridge plug-in keeps between two pods: the bridge's address. A stand-in makes no bridge, so a file is it until the next boot."""

import ipaddress
import json

from standin.ground import Refusal, entries, read, write


def connect():
    """Gives the bridge of the node's pod network its address; raises Refusal in the plug-in's words where it has another one."""
    plugin = _plugin()
    ipam = plugin.get('ipam') or {}
    ranges = [one for alternatives in ipam.get('ranges') or [] for one in alternatives] or ([ipam] if 'subnet' in ipam else [])
    if not ranges or not (plugin.get('isGateway') or plugin.get('isDefaultGateway')):
        return
    subnet, name = ipaddress.ip_network(ranges[0]['subnet']), plugin.get('bridge', 'cni0')
    address = f'{ranges[0].get("gateway") or next(subnet.hosts())}/{subnet.prefixlen}'
    path = f'/run/kedge-stand-in/bridges/{name}'
    there = read(path)
    if there == address:
        return
    if there and not plugin.get('forceAddress'):
        raise Refusal(f'plugin type="bridge" failed (add): failed to set bridge addr: "{name}" already has an IP address different from {address}')
    write(path, address)


def _plugin():
    """The bridge plug-in's part of the first configuration, which is the one that a runtime takes; empty where it has none."""
    folder = '/etc/cni/net.d'
    first = next((name for name in entries(folder) if name.endswith(('.conf', '.conflist', '.json'))), None)
    try:
        config = json.loads(read(f'{folder}/{first}') or '{}') if first else {}
    except ValueError:
        return {}
    return next((one for one in config.get('plugins') or [config] if one.get('type') == 'bridge'), {})
