#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Build the Debian packages ipacct, ipacct-tools, libipacct0 and libipacct-dev.
#
# usage: deploy/package.sh [-o DIR] [--version VERSION] [--source]
#
#   -o DIR              put them there (default: ./packages)
#   --version VERSION   of the packages (default: that of deploy/debian/changelog)
#   --source            the source package too
#
# Works on a copy of the tree, so nothing in it changes; needs what deploy/packages.txt names and
# debhelper, dpkg-dev. Ends with the names of the packages.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
out=packages
version=
kind=--build=binary

usage() {
	sed -n '3,11s/^# \{0,1\}//p' "$0"
	exit "$1"
}

# What belongs to the source: what git knows or would add, or all but builds in an unpacked archive.
list_source() {
	local file
	if [ -e "$top/.git" ] && command -v git >/dev/null; then
		git -C "$top" -c safe.directory="$top" ls-files -z --cached --others --exclude-standard
	else
		(cd "$top" && find . -mindepth 1 \( -path './build*' -o -path ./packages \
			-o -name __pycache__ \) -prune -o -type f -printf '%P\0')
	fi | while IFS= read -r -d '' file; do
		[ ! -e "$top/$file" ] || printf '%s\0' "$file" # deleted and not committed yet
	done
}

# The changelog of the package, with another version on top where one was asked for.
write_changelog() {
	if [ -n "$version" ]; then
		printf 'ipacct (%s) unstable; urgency=medium\n\n  * Local build.\n\n -- %s  %s\n\n' \
			"$version" "$(sed -n 's/^Maintainer: //p' "$here/debian/control")" \
			"$(sed -n 's/^ -- .*>  //p' "$here/debian/changelog" | head -n 1)"
	fi
	cat "$here/debian/changelog"
}

while [ $# -gt 0 ]; do
	case $1 in
	-o) out=${2:?}; shift ;;
	--version) version=${2:?}; shift ;;
	--source) kind=--build=full ;;
	--help | -h) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ipacct-package.XXXXXX")
trap 'rm -rf "$work"' EXIT

tree=$work/ipacct
mkdir "$tree"
list_source | tar -C "$top" --null -T - -c | tar -C "$tree" -x
cp -a "$tree/deploy/debian" "$tree/debian"
write_changelog >"$tree/debian/changelog"
cd "$tree"
if ! dpkg-buildpackage "$kind" --no-sign >"$work/log" 2>&1; then
	tail -n 40 "$work/log" >&2
	exit 1
fi
cd "$work"
for file in *; do
	[ ! -f "$file" ] || [ "$file" = log ] || cp "$file" "$out/"
done
cd "$out"
printf '%s\n' "$work"/*.deb | sed "s|^$work|$out|"
