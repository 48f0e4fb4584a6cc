#!/usr/bin/env bash
# Fetches the consul program from the Debian release that last had it, by this system's own mirror and keys, into a folder.
# It needs only libc. Nothing is installed, and the system's package lists stay as they are.
set -euo pipefail
folder=$1
release=bullseye
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$folder"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)
[[ -n $mirror ]] || { echo "this system has no Debian mirror" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $release main" > "$work/sources.list"
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root "$@"
}
cd "$work"
apt update
apt download consul
dpkg -x consul_*.deb tree
install -m 755 tree/usr/bin/consul "$folder/consul"
