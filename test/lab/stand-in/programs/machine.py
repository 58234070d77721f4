"""The machine under a node: names, addresses, routes, processes. In a test the file stand-in.json answers instead."""

import json
import os

from standin.ground import ROOT, at, read, run

_facts = json.loads(read('/stand-in.json') or '{}') if ROOT else {}


def hostname():
    return _facts.get('hostname') or os.uname().nodename.lower()


def addresses():
    """{address: interface} for IPv4, loopback left out."""
    if ROOT:
        # Read anew: a NIC may get its address while a program runs.
        return dict(json.loads(read('/stand-in.json') or '{}').get('addresses', {}))
    found = {}
    for line in run(['ip', '-4', '-o', 'addr', 'show', 'up'])[1].splitlines():
        words = line.split()
        if words[1] != 'lo':
            found[words[3].split('/')[0]] = words[1]
    return found


def interfaces():
    """Names of all NICs, whether they have an address or not."""
    if ROOT:
        return {*_facts.get('addresses', {}).values(), *_facts.get('interfaces', [])}
    return set(os.listdir('/sys/class/net'))


def listen_on():
    """Addresses on which a server that means every interface listens."""
    return list(_facts['addresses']) if ROOT else ['0.0.0.0']


def loopback():
    return _facts.get('loopback', '127.0.0.1')


def default_address():
    """The address of the interface that holds the default route, or None."""
    if ROOT:
        return _facts.get('defaultAddress')
    code, out, _ = run(['ip', '-4', '-j', 'route', 'get', '192.0.2.1'])
    route = json.loads(out)[0] if code == 0 and out.strip().startswith('[') else {}
    # Without a default route a more specific one may still answer; Kubernetes reads /proc/net/route for 0.0.0.0.
    has_default = any(line.split()[1:2] == ['00000000'] for line in (read('/proc/net/route') or '').splitlines())
    return route.get('prefsrc') if has_default else None


def has_route(address):
    if ROOT:
        return _facts.get('serviceRoute', True)
    return run(['ip', '-4', 'route', 'get', address])[0] == 0


def resolve(name):
    """IPv4 addresses of a host name, from /etc/hosts first."""
    if ROOT:
        return _facts.get('hosts', {}).get(name, [])
    import socket

    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, socket.AF_INET)})
    except OSError:
        return []


def cpus():
    return _facts.get('cpus') or os.cpu_count()


def memory_mib():
    if _facts.get('memoryMiB'):
        return _facts['memoryMiB']
    return int(read_proc('/proc/meminfo').split()[1]) // 1024


def read_proc(path):
    """A file under /proc; a test's node may hold its own."""
    if ROOT and os.path.exists(at(path)):
        path = at(path)
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except OSError:
        return None


def swap_is_on():
    return len((read_proc('/proc/swaps') or '').strip().splitlines()) > 1


def process_named(name):
    """Id of a process of that name other than this one, or None."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/comm', encoding='utf-8') as file:
                if file.read().strip() != name or int(pid) == os.getpid():
                    continue
            if ROOT:
                with open(f'/proc/{pid}/environ', 'rb') as file:
                    if f'KEDGE_STANDIN_ROOT={ROOT}'.encode() not in file.read().split(b'\0'):
                        continue
            return int(pid)
        except OSError:
            continue
    return None


def rename_process(name):
    try:
        with open('/proc/self/comm', 'w', encoding='utf-8') as file:
            file.write(name)
    except OSError:
        pass


def machine_id():
    return (read_proc('/etc/machine-id') or '').strip() or 'none'


def boot_id():
    return (read_proc('/proc/sys/kernel/random/boot_id') or '').strip()
