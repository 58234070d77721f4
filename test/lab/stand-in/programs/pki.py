"""Keys and certificates through the openssl program; PEM everywhere, DER where a contract says so."""

import base64
import hashlib
import ipaddress
import os
import tempfile

from standin.ground import Refusal, run


def _openssl(*arguments, timeout=60):
    code, out, err = run(['openssl', *arguments], timeout)
    if code != 0:
        raise Refusal(f'openssl {arguments[0]} failed: {err.strip()}')
    return out


def make_ca(common_name, days):
    """(certificate, key)"""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = f'{folder}/crt', f'{folder}/key'
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256',
                 '-days', str(days), '-subj', f'/CN={common_name}', '-keyout', key, '-out', certificate,
                 '-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature')
        return _slurp(certificate), _slurp(key)


def issue(ca, ca_key, subject, addresses=(), names=(), usage='clientAuth', days=365):
    """(certificate, key) signed by the CA; subject such as `/O=system:masters/CN=kubernetes-admin`."""
    with tempfile.TemporaryDirectory() as folder:
        _spill(f'{folder}/ca.crt', ca)
        _spill(f'{folder}/ca.key', ca_key)
        alternatives = _alternatives(addresses, names)
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256',
                 '-CA', f'{folder}/ca.crt', '-CAkey', f'{folder}/ca.key', '-days', str(days), '-subj', subject,
                 '-keyout', f'{folder}/key', '-out', f'{folder}/crt', '-addext', f'extendedKeyUsage={usage}',
                 '-addext', 'basicConstraints=critical,CA:FALSE',
                 *(['-addext', f'subjectAltName={alternatives}'] if alternatives else []))
        return _slurp(f'{folder}/crt'), _slurp(f'{folder}/key')


def _alternatives(addresses, names):
    """The extension in DER, as Go writes it: names first, and an empty one, too, which openssl's own words cannot say."""
    parts = [(0x82, name.encode()) for name in names] + [(0x87, ipaddress.ip_address(address).packed) for address in addresses]
    return 'DER:' + _der(0x30, b''.join(_der(*part) for part in parts)).hex(':') if parts else ''


def _der(tag, content):
    size = len(content)
    return bytes([tag, size] if size < 128 else [tag, 0x82, size >> 8, size & 255]) + content


def make_request(subject):
    """(signing request, key)"""
    with tempfile.TemporaryDirectory() as folder:
        _openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256',
                 '-subj', subject, '-keyout', f'{folder}/key', '-out', f'{folder}/csr')
        return _slurp(f'{folder}/csr'), _slurp(f'{folder}/key')


def sign_request(ca, ca_key, request, days=365):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (('ca.crt', ca), ('ca.key', ca_key), ('csr', request)):
            _spill(f'{folder}/{name}', content)
        _spill(f'{folder}/ext', 'extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n')
        _openssl('x509', '-req', '-sha256', '-in', f'{folder}/csr', '-CA', f'{folder}/ca.crt', '-CAkey', f'{folder}/ca.key',
                 '-CAcreateserial', '-days', str(days), '-extfile', f'{folder}/ext', '-out', f'{folder}/crt')
        return _slurp(f'{folder}/crt')


def subject_of_request(request):
    with tempfile.TemporaryDirectory() as folder:
        _spill(f'{folder}/csr', request)
        return _openssl('req', '-in', f'{folder}/csr', '-noout', '-subject', '-nameopt', 'compat').strip()


def addresses_of(certificate):
    """Its addresses: what Go names in its error where a certificate is not valid for an address."""
    with tempfile.TemporaryDirectory() as folder:
        _spill(f'{folder}/crt', certificate)
        out = _openssl('x509', '-in', f'{folder}/crt', '-noout', '-ext', 'subjectAltName')
    words = [word.strip() for line in out.splitlines()[1:] for word in line.split(',')]
    return [word.split(':', 1)[1] for word in words if word.startswith('IP Address:')]


def public_key_hash(certificate):
    """sha256 over the SubjectPublicKeyInfo: what kubeadm pins."""
    with tempfile.TemporaryDirectory() as folder:
        _spill(f'{folder}/crt', certificate)
        return hashlib.sha256(to_der(_openssl('x509', '-in', f'{folder}/crt', '-noout', '-pubkey'))).hexdigest()


def to_der(pem):
    return base64.b64decode(''.join(line for line in pem.splitlines() if not line.startswith('-----')))


def to_pem(der, label='CERTIFICATE'):
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return f'-----BEGIN {label}-----\n' + '\n'.join(lines) + f'\n-----END {label}-----\n'


def _slurp(path):
    with open(path, encoding='ascii') as file:
        return file.read()


def _spill(path, content):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='ascii') as file:
        file.write(content)
