"""Runs the program that the file's name or its first argument asks for."""

import importlib
import sys

from standin.ground import Refusal, notice

_MODULES = {'kubeadm': 'kubeadm', 'kubelet': 'kubelet', 'kubectl': 'kubectl', 'crictl': 'crictl', 'keadm': 'keadm', 'cloudcore': 'cloudcore',
            'edgecore': 'edgecore', 'kube-apiserver': 'control_plane'}
_OF_KUBEEDGE = ('keadm', 'cloudcore', 'edgecore')
# How each program begins its last words.
_PREFIX = {'kubectl': '', 'keadm': 'Error: ', 'crictl': 'FATA[0000] '}


def main(program, versions):
    arguments = sys.argv[1:]
    if arguments and arguments[0].startswith('--stand-in='):
        program, arguments = arguments[0].partition('=')[2], arguments[1:]
    version = versions['kubeedge' if program in _OF_KUBEEDGE else 'kubernetes']
    notice(program, version)
    try:
        importlib.import_module(f'standin.{_MODULES[program]}').main(arguments, version)
        code = 0
    except Refusal as error:
        if str(error):
            sys.stderr.write(f'{_PREFIX.get(program, "")}{error}\n')
        code = error.code
    except BrokenPipeError:
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.stderr.flush()
    # Daemon threads must not hold up the end.
    sys.stdout.flush()
    import os

    os._exit(code)
