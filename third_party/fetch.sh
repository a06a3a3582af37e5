#!/usr/bin/env bash
# fetch.sh NAME: fetches one pinned package, checks its sha512, and prints the folder where it lies unpacked.
#
# Packages come from the npm registry that this machine is set up for, as they were published: no install script runs.
# They land in build/third_party/NAME and are fetched again only when pins.txt changes. Nothing of them is committed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
die() { printf 'fetch.sh: %s\n' "$*" >&2; exit 1; }
[ $# = 1 ] || die "usage: third_party/fetch.sh NAME, a name from third_party/pins.txt"

name=$1
pin=$(awk -v name="$name" '!/^#/ && substr($1, 1, length(name) + 1) == name "@" && index(substr($1, length(name) + 2), "@") == 0' \
  "$root/third_party/pins.txt")
[ -n "$pin" ] || die "$name is not in third_party/pins.txt: add a line with its version and sha512"
read -r package sum <<<"$pin"
case $sum in sha512-*) ;; *) die "$package has no sha512 in third_party/pins.txt" ;; esac

folder=$root/build/third_party/$name
if [ "$(cat "$folder/.pin" 2>/dev/null)" = "$pin" ]; then echo "$folder"; exit 0; fi
command -v npm >/dev/null || die "npm is missing: ./dev deps installs it"

mkdir -p "$root/build/third_party"
work=$(mktemp -d "$root/build/third_party/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "fetching $package" >&2
(cd "$work" && npm pack --silent "$package" >name.txt) || die "npm pack $package failed: is the registry reachable (npm ping)?"
archive=$work/$(tail -n 1 "$work/name.txt")
want=$(printf %s "${sum#sha512-}" | base64 -d | od -An -vtx1 | tr -d ' \n')
have=$(sha512sum "$archive" | cut -d' ' -f1)
[ "$want" = "$have" ] || die "$package is not what was pinned (sha512 $have, wanted $want): do not use it before you know why"

mkdir "$work/unpacked"
tar -xzf "$archive" -C "$work/unpacked" --strip-components=1 --no-same-owner
printf '%s\n' "$pin" >"$work/unpacked/.pin"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/unpacked" "$folder"
echo "$folder"
