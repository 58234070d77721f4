"""Start of every stand-in: unpacks the modules that the file carries, once, so that Python keeps their bytecode, then runs one."""

import os
import sys

folder = os.environ.get('KEDGE_STANDIN_ROOT', '') + '/var/cache/kedge-stand-in/' + DIGEST
if not os.path.isdir(folder):
    import json

    aside = f'{folder}.{os.getpid()}'
    os.makedirs(f'{aside}/standin', exist_ok=True)
    for name, text in json.loads(SOURCES).items():
        with open(f'{aside}/standin/{name}', 'w', encoding='utf-8') as file:
            file.write(text)
    try:
        os.rename(aside, folder)
    except OSError:
        # Another one was faster.
        import shutil

        shutil.rmtree(aside, ignore_errors=True)
program = f'{folder}/{PROGRAM}'
if not os.path.exists(program):
    aside = f'{program}.{os.getpid()}'
    with open(aside, 'w', encoding='utf-8') as file:
        # -I and -S keep the start short; what Debian's python3-yaml installs is found there.
        file.write(f"""import sys
sys.path[:0] = [{folder!r}]
sys.path.append('/usr/lib/python3/dist-packages')

from standin.main import main

main({PROGRAM!r}, {VERSIONS!r})
""")
    os.rename(aside, program)
os.execv('/usr/bin/python3', ['/usr/bin/python3', '-IS', program, *sys.argv[1:]])
