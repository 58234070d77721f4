"""What every stand-in shares: where files are, how this machine looks, how to fail, how to log."""

import os
import sys
import time

# Tests put a whole node under one folder and describe its hardware in a file there; on a real node both are absent.
ROOT = os.environ.get('KEDGE_STANDIN_ROOT', '')


class Refusal(Exception):
    """Ends a program with this text, as the real one would end."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


def at(path):
    return ROOT + path


def notice(program, version):
    # The first line on stderr, so that nobody takes what follows for the real program's.
    sys.stderr.write(f'[stand-in] {program} {version}: not the real program, see test/lab/stand-in/README.md\n')
    sys.stderr.flush()


def klog(text, level='I', source='stand-in.py:1'):
    now = time.time()
    stamp = time.strftime('%m%d %H:%M:%S', time.localtime(now)) + '.%06d' % (now % 1 * 1e6)
    sys.stderr.write(f'{level}{stamp} {os.getpid():7d} {source}] {text}\n')
    sys.stderr.flush()


def say(text):
    sys.stdout.write(text + '\n')
    sys.stdout.flush()


def read(path):
    """The file's text, or None where there is none."""
    try:
        with open(at(path), encoding='utf-8') as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(path, content, mode=0o644):
    """Whole or not at all; folders are made."""
    target = at(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    aside = f'{target}.{os.getpid()}.{time.monotonic_ns()}'
    data = content.encode() if isinstance(content, str) else content
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view):]
    finally:
        os.close(descriptor)
    os.rename(aside, target)


def exists(path):
    return os.path.exists(at(path))


def entries(path):
    try:
        return sorted(os.listdir(at(path)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove(path):
    import shutil

    if os.path.isdir(at(path)) and not os.path.islink(at(path)):
        shutil.rmtree(at(path), ignore_errors=True)
    elif os.path.lexists(at(path)):
        os.unlink(at(path))


def run(command, timeout=120):
    """(exit code, stdout, stderr); 127 where the program is missing. A string goes through sh."""
    import subprocess

    try:
        done = subprocess.run(command, shell=isinstance(command, str), capture_output=True, timeout=timeout, text=True)
        return done.returncode, done.stdout, done.stderr
    except FileNotFoundError:
        return 127, '', f'{command[0]}: command not found'
    except subprocess.TimeoutExpired:
        return 124, '', f'timed out after {timeout} s'


def found_in_path(name):
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ.get('PATH', '').split(':'))


def patience(seconds):
    """How long the real program would wait; tests are less patient."""
    return min(seconds, float(os.environ.get('KEDGE_STANDIN_PATIENCE', seconds)))


def pace(seconds):
    """How long to rest between two looks; tests look more often."""
    return min(seconds, float(os.environ.get('KEDGE_STANDIN_PACE', seconds)))


def wait_for(condition, seconds, pause=0.5):
    """True as soon as the condition holds, False when the time is over."""
    end = time.monotonic() + patience(seconds)
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(pace(pause))


def semver(version):
    major, minor, patch = version.lstrip('v').split('-')[0].split('+')[0].split('.')
    return int(major), int(minor), int(patch)


def load_yaml(text):
    """Every document in the text that is not empty."""
    import yaml

    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    return [document for document in yaml.load_all(text, Loader=loader) if document is not None]


def dump_yaml(value):
    import yaml

    return yaml.dump(value, Dumper=getattr(yaml, 'CSafeDumper', yaml.SafeDumper), sort_keys=False, default_flow_style=False)


def now_text(offset=0):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + offset))


def seconds_of(text):
    """Unix time of an RFC 3339 stamp in UTC."""
    import calendar

    return calendar.timegm(time.strptime(text.split('.')[0].rstrip('Z'), '%Y-%m-%dT%H:%M:%S'))
