#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Make an OCI image of the daemon and its tools from the Debian packages.
#
# usage: deploy/container/build.sh [-o FILE] DIR
#
#   DIR        the packages, as deploy/package.sh left them
#   -o FILE    the image, an oci-archive (default: ./ipacct.oci.tar)
#
# The image holds our programs and the shared libraries that they name: no shell, no package
# manager. The libraries come from where apt on this host gets Debian. Needs root, mmdebstrap,
# buildah. No registry and no container engine is asked.
set -euo pipefail

out=ipacct.oci.tar
id=9477 # user and group ipacct: above the hosts' system groups, so that none of them may read
suite=bookworm

usage() {
	sed -n '3,12s/^# \{0,1\}//p' "$0"
	exit "$1"
}

die() {
	printf 'build.sh: %s\n' "$*" >&2
	exit 1
}

deb() { # NAME: its file
	local found=("$debs/$1"_*.deb)
	if [ ${#found[@]} != 1 ] || [ ! -e "${found[0]}" ]; then
		die "$debs has not exactly one package $1"
	fi
	printf '%s\n' "${found[0]}"
}

# The shared libraries that our packages depend on; the rest is for installing them.
libraries() {
	local name
	for name in "${ours[@]}"; do
		dpkg-deb -f "$(deb "$name")" Depends | tr ',' '\n'
	done | sed 's/^ *//; s/[ (|].*//' | grep '^lib' | grep -vx libipacct0 | sort -u
}

# As lines of sources.list.
sources() {
	# shellcheck disable=SC2016  # apt puts the values in
	apt-get indextargets --format '$(ORIGIN)|deb $(SITE) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' | sed -n 's/^Debian|//p' | sort -u
}

# What a running program needs, and the licences.
make_root() {
	local name
	libraries | paste -sd, >"$work/include"
	sources | mmdebstrap --quiet --variant=extract --include="$(cat "$work/include")" \
		--aptopt='Acquire::Languages "none"' "$suite" "$root" -
	for name in "${ours[@]}"; do
		dpkg-deb -x "$(deb "$name")" "$root"
	done
	find "$root/usr/share/doc" -type f ! -name copyright -delete
	rm -rf "${root:?}"/dev "${root:?}"/var "$root"/etc/{apt,dpkg,fstab,hostname,resolv.conf} \
		"$root"/lib/systemd "$root"/usr/lib/{sysusers.d,tmpfiles.d} \
		"$root"/usr/share/{man,locale,bash-completion,lintian,bug}
	install -d -m 0755 "$root"/{dev,proc,sys,run}
	install -d -m 0750 -g "$id" "$root/run/ipacct"
	printf 'root:x:0:0:root:/:/usr/sbin/nologin\nipacct:x:%s:%s::/nonexistent:/usr/sbin/nologin\n' \
		"$id" "$id" >"$root/etc/passwd"
	printf 'root:x:0:\nipacct:x:%s:\n' "$id" >"$root/etc/group"
}

in_store() { # BUILDAH ARGUMENT…
	buildah --storage-driver vfs --root "$work/store" --runroot "$work/run" "$@"
}

make_image() {
	local container mount version
	version=$(dpkg-deb -f "$(deb ipacct)" Version)
	container=$(in_store from scratch)
	# Not `buildah add`: that makes every file root's.
	mount=$(in_store mount "$container")
	cp -a "$root/." "$mount/"
	in_store umount "$container" >/dev/null
	in_store config --entrypoint '["/usr/sbin/ipacctd"]' \
		--cmd '-c /etc/ipacct/ipacct.yaml --bpffs /run/ipacct/bpf' --user 0:0 --workingdir / \
		--label org.opencontainers.image.title=ipacct \
		--label org.opencontainers.image.version="$version" \
		--label org.opencontainers.image.licenses='GPL-2.0-or-later AND LGPL-2.1-or-later' \
		"$container"
	# The time of the packages, so that the same packages make the same image.
	in_store commit --quiet --format oci --disable-compression=false --timestamp "$(stat -c %Y "$root/usr/sbin/ipacctd")" \
		"$container" "oci-archive:$work/image.tar:ipacct:${version//[^A-Za-z0-9_.-]/_}" >/dev/null
	mv "$work/image.tar" "$out"
}

while [ $# -gt 0 ]; do
	case $1 in
	-o) out=${2:?}; shift ;;
	--help | -h) usage 0 ;;
	-*) usage 2 >&2 ;;
	*) break ;;
	esac
	shift
done
[ $# = 1 ] || usage 2 >&2
[ "$(id -u)" = 0 ] || die "needs root: files of the image belong to it"
debs=$1
ours=(ipacct ipacct-tools libipacct0)
work=$(mktemp -d "${TMPDIR:-/tmp}/ipacct-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

make_root
make_image
printf '%s\n' "$out"
