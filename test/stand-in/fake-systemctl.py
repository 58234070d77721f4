#!/usr/bin/python3 -IS
"""systemd for a node in a folder: reads unit files, keeps their processes running, forgets them on stop."""

import os
import shlex
import signal
import subprocess
import sys
import time

ROOT = os.environ['KEDGE_STANDIN_ROOT']
UNITS, STATE = f'{ROOT}/etc/systemd/system', f'{ROOT}/run/fake-systemd'


def unit_text(name):
    files = [f'{UNITS}/{name}.service']
    if not os.path.exists(files[0]):
        sys.stderr.write(f'Failed to start {name}.service: Unit {name}.service not found.\n')
        sys.exit(5)
    folder = f'{files[0]}.d'
    files += [f'{folder}/{entry}' for entry in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    return '\n'.join(open(path, encoding='utf-8').read() for path in files)


def command(name):
    """(words, environment) of the last ExecStart."""
    environment, words = {}, []
    for line in unit_text(name).splitlines():
        key, _, value = line.partition('=')
        if key == 'Environment':
            environment.update(pair.split('=', 1) for pair in shlex.split(value))
        elif key == 'EnvironmentFile' and os.path.exists(ROOT + value.lstrip('-')):
            with open(ROOT + value.lstrip('-'), encoding='utf-8') as file:
                environment.update(shlex.split(entry)[0].split('=', 1) for entry in file if '=' in entry)
        elif key == 'ExecStart' and value:
            words = value.split()
    words = [part for word in words for part in (environment.get(word[1:], '').split() if word.startswith('$') else [word])]
    return [ROOT + words[0], *words[1:]], environment


def supervise(name):
    """The background process: starts the unit again whenever it ends, until its state file is gone."""
    child, pid_file = None, f'{STATE}/{name}.pid'

    def stop(_signal, _frame):
        if child and child.poll() is None:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    with open(pid_file, 'w', encoding='utf-8') as file:
        file.write(str(os.getpid()))
    log = open(f'{STATE}/{name}.log', 'ab')
    while True:
        words, environment = command(name)
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})
        # Not child.wait(): the signal's handler waits for the child itself, and Popen lets only one do so.
        while child.poll() is None:
            if not owner_lives():
                stop(None, None)
            time.sleep(0.1)
        time.sleep(0.2)


def owner_lives():
    """Whether the test run that made this node still exists; nothing of the node may outlive it."""
    try:
        os.kill(int(os.environ['KEDGE_STANDIN_OWNER']), 0)
        return True
    except OSError:
        return False


def pid_of(name):
    try:
        with open(f'{STATE}/{name}.pid', encoding='utf-8') as file:
            pid = int(file.read())
        os.kill(pid, 0)
        return pid
    except (OSError, ValueError):
        return None


def stop(name):
    pid = pid_of(name)
    if pid:
        os.kill(pid, signal.SIGTERM)
        while pid_of(name):
            time.sleep(0.02)
        os.unlink(f'{STATE}/{name}.pid')


def start(name):
    if pid_of(name):
        return
    command(name)
    # A daemon of nobody's: its parent ends at once.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            quiet = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(quiet, descriptor)
            supervise(name)
        os._exit(0)
    while not pid_of(name):
        time.sleep(0.01)


os.makedirs(STATE, exist_ok=True)
verb, *names = [word.removesuffix('.service') for word in sys.argv[1:] if not word.startswith('-')]
enabled = [f'{STATE}/{name}.enabled' for name in names]
for name, mark in zip(names, enabled):
    if verb in ('stop', 'restart') or (verb == 'disable' and '--now' in sys.argv):
        stop(name)
    if verb in ('start', 'restart') or (verb == 'enable' and '--now' in sys.argv):
        start(name)
    if verb == 'enable':
        unit_text(name)
        open(mark, 'w', encoding='utf-8').close()
    if verb == 'disable' and os.path.exists(mark):
        os.unlink(mark)
    if verb == 'cat':
        print(unit_text(name))
    if verb == 'is-enabled':
        print('enabled' if os.path.exists(mark) else 'disabled')
        sys.exit(0 if os.path.exists(mark) else 1)
    if verb == 'is-active':
        print('active' if pid_of(name) else 'inactive')
        sys.exit(0 if pid_of(name) else 3)
