#!/usr/bin/env bash
# fresh.sh: runs a command on a bare Debian 12 where apt and npm work, to prove that no install step is missing.
#
#   fresh.sh [-c CHECKOUT] [-m OUTSIDE:INSIDE]... [-o FOLDER] [-s SIZE] -- COMMAND [ARGUMENT]...
#
# CHECKOUT's last commit is cloned and becomes the working folder; FOLDER appears as /out; -m shows folders of this
# machine, such as caches, inside. The root lies in a tmpfs of SIZE (10g) in mount and process namespaces of its own: when
# the command ends, or this script is killed, processes, mounts and files are gone. The exit status is the command's.
# FRESH_BASE: where the packed bare Debian is kept. FRESH_MIRROR: the Debian mirror, when apt's own is not Debian 12's.
# Needs root, debootstrap and zstd.
set -euo pipefail
usage() { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
die() { printf 'fresh.sh: %s\n' "$*" >&2; exit 1; }
base=${FRESH_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/hostler/bookworm-minbase.tar.zst}
suite=bookworm

if [ -z "${FRESH_INSIDE:-}" ]; then
  case ${1:-} in ''|-h|--help) usage ;; esac
  [ "$(id -u)" = 0 ] || die "needs root: it mounts a tmpfs and makes namespaces"
  for tool in debootstrap zstd git; do
    command -v $tool >/dev/null || die "$tool is missing: apt-get install $tool"
  done
  FRESH_INSIDE=1 setpriv --pdeathsig KILL \
    unshare --mount --pid --ipc --uts --fork --kill-child --propagation private "$0" "$@" &
  child=$!
  trap 'kill -KILL $child 2>/dev/null' TERM INT HUP   # unshare itself ignores TERM and INT
  status=0
  wait $child || status=$?
  exit $status
fi

checkout='' out='' size=10g binds=()
while getopts c:m:o:s: option; do
  case $option in
    c) checkout=$OPTARG ;;
    m) binds+=("$OPTARG") ;;
    o) out=$OPTARG ;;
    s) size=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

root=/mnt   # in this mount namespace only
is_debian_12=no
if grep -qx "VERSION_CODENAME=$suite" /etc/os-release; then is_debian_12=yes; fi

# The mirror that apt uses here, so that the bare system uses the same.
find_mirror() {
  if [ -n "${FRESH_MIRROR:-}" ]; then echo "$FRESH_MIRROR"; return; fi
  [ $is_debian_12 = yes ] || die "this is not Debian 12: name a Debian mirror in FRESH_MIRROR"
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
    sed -nE "s/^URIs: *([^ ]+\/debian)\/?( .*)?$/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) +$suite .*/\2/p" | sed -n 1p
}

# Once per machine: half a minute and 60 MB. Moved into place when whole, so two runs at once do no harm.
make_base() {
  local mirror proxy=
  mirror=$(find_mirror)
  [ -n "$mirror" ] || die "apt's sources name no Debian mirror: set FRESH_MIRROR"
  eval "$(apt-config shell proxy Acquire::http::Proxy 2>/dev/null)"
  if [ -n "$proxy" ] && [ "$proxy" != DIRECT ]; then export http_proxy=$proxy; fi
  mkdir -p "$(dirname "$base")"
  debootstrap --variant=minbase --include=ca-certificates $suite $root "$mirror" >"$base.log" 2>&1 ||
    { tail -n 5 "$base.log" >&2; die "debootstrap failed; its log is $base.log"; }
  rm -f $root/var/cache/apt/archives/*.deb
  tar -C $root -cf - . | zstd -q -3 -T0 -f -o "$base.part.$$"
  mv "$base.part.$$" "$base"
}

# What this machine's network needs and a bare Debian cannot know: names, mirrors, proxies, certificates, npm's settings.
bring_settings() {
  cp -L /etc/resolv.conf $root/etc/resolv.conf
  printf '127.0.0.1 localhost fresh\n' >$root/etc/hosts
  echo fresh >$root/etc/hostname
  hostname fresh

  rm -rf $root/etc/apt/sources.list $root/etc/apt/sources.list.d/*
  local file
  if [ $is_debian_12 = yes ]; then
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
      if [ -f "$file" ]; then cp -L "$file" "$root$file"; fi
    done
    for file in /etc/apt/keyrings /etc/apt/trusted.gpg.d /usr/share/keyrings; do
      if [ -d $file ]; then mkdir -p $root$file; cp -RLn $file/. $root$file/; fi
    done
  else
    printf 'deb %s %s main\n' "$FRESH_MIRROR" "$suite" "$FRESH_MIRROR" "$suite-updates" >$root/etc/apt/sources.list
  fi
  # Settings come along; hooks do not, for they call programs that a bare system lacks.
  for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
    if [ -f "$file" ] && ! grep -qiE -- '-Invoke|Pre-Install-Pkgs' "$file"; then cp -L "$file" "$root$file"; fi
  done

  if [ -e "$HOME/.npmrc" ]; then install -m 600 "$HOME/.npmrc" $root/root/.npmrc; fi
  if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp -L /etc/ssl/certs/ca-certificates.crt $root/etc/fresh-ca.crt; fi
  printf '#!/bin/sh\nexit 101\n' >$root/usr/sbin/policy-rc.d   # installing a package starts no service
  chmod +x $root/usr/sbin/policy-rc.d
}

mount -t tmpfs -o "size=$size,mode=755" fresh $root
if [ -e "$base" ]; then tar -C $root --zstd -xf "$base"; else make_base; fi
bring_settings

folder=/
if [ -n "$checkout" ]; then
  folder=/root/hostler
  git -c safe.directory='*' clone -q --no-hardlinks "file://$(realpath "$checkout")" $root$folder
fi
mount -t proc proc $root/proc
mount --rbind /sys $root/sys
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=1777 tmpfs $root/dev/shm
mount -t tmpfs -o mode=755 tmpfs $root/run
if [ -n "$out" ]; then
  mkdir -p "$out" $root/out
  mount --bind "$out" $root/out
fi
for bind in ${binds[@]+"${binds[@]}"}; do
  mkdir -p "${bind%%:*}" "$root${bind#*:}"
  mount --bind "${bind%%:*}" "$root${bind#*:}"
done

environment=(HOME=/root TERM=dumb LANG=C.UTF-8 CI=true PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
if [ -e $root/etc/fresh-ca.crt ]; then
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE CURL_CA_BUNDLE npm_config_cafile; do environment+=("$name=/etc/fresh-ca.crt"); done
fi
for name in http_proxy https_proxy no_proxy npm_config_registry DEV_JOBS DEV_TEST_JOBS; do
  if [ -n "${!name:-}" ]; then environment+=("$name=${!name}"); fi
done

# pivot_root, not chroot: this machine's files are out of reach, and namespaces made inside get this root.
cd $root
mkdir -p .host
pivot_root . .host
umount -l /.host
rmdir /.host
# This bash stays, as the process 1 that collects whatever processes the command leaves behind.
exec /usr/bin/env -i "${environment[@]}" /bin/bash -c 'cd "$1"; shift; "$@"; exit $?' fresh "$folder" "$@" </dev/null
