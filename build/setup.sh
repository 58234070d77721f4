#!/bin/sh
# Makes a fresh clone ready: the Bun that package.json names, the dependencies of the lock file and, for `test`, the
# programs that tests start. Needs npm; the programs come from the distribution, as root.
set -eu
cd "$(dirname "$0")/.."

if ! node_modules/.bin/bun --version >/dev/null 2>&1; then
  echo "setup: Bun and the dependencies, from npm" >&2
  # Bun is fetched by npm alone; install scripts stay off because npm would build ssh2's optional add-ons.
  npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error >&2
  node node_modules/bun/install.js
fi
node_modules/.bin/bun install --frozen-lockfile --silent

[ "${1:-}" = test ] || exit 0
missing=
for pair in sshd:openssh-server ssh:openssh-client tmux:tmux sudo:sudo ip:iproute2 nft:nftables openssl:openssl python3:python3 ps:procps \
  isoinfo:genisoimage qemu-img:qemu-utils curl:curl skopeo:skopeo docker-registry:docker-registry \
  apt-ftparchive:apt-utils debugfs:e2fsprogs sfdisk:fdisk zsh:zsh fish:fish dot:graphviz chromium:chromium \
  gcc:gcc update-ca-certificates:ca-certificates; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
/usr/bin/python3 -c 'import yaml' 2>/dev/null || missing="$missing python3-yaml"
/usr/bin/python3 -c 'import junitparser' 2>/dev/null || missing="$missing python3-junitparser"
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
[ -e /usr/share/bash-completion/bash_completion ] || missing="$missing bash-completion"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: the tests need these packages, please install them:$missing" >&2
  exit 1
fi
echo "setup: packages for the tests:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
# shellcheck disable=SC2086 # a list of words
apt-get -qq install -y --no-install-recommends $missing >/dev/null
