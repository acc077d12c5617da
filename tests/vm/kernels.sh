#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernels for the guests: which is the newest of a series, and its files. Sourced by
# run.sh. Nothing is installed, and apt's own lists are neither used nor changed.

: "${cache:?set by the script that reads this file}"
kernel_suites="bookworm bookworm-backports trixie trixie-backports"

# apt with a configuration of its own below $cache.
vm_apt() {
	local tool=$1
	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" \
		-o Dir::State::status="$cache/apt/status" -o APT::Sandbox::User=root "$@"
}

# Where this machine gets Debian itself (/debian) or its security updates (/debian-security).
mirror_of() {
	# shellcheck disable=SC2016 # a format of apt's
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		awk -v end="$1" '{ sub(/\/$/, "") } substr($0, length($0) - length(end) + 1) == end { print; exit }'
}

# The suites of all kernels, from the mirror that this machine uses for Debian itself.
update_lists() {
	local mirror security suite signed=signed-by=/usr/share/keyrings/debian-archive-keyring.gpg
	mirror=$(mirror_of /debian)
	security=$(mirror_of /debian-security)
	[ -n "$mirror" ] || return 1
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
	: >"$cache/apt/status"
	{
		for suite in $kernel_suites; do
			echo "deb [$signed] $mirror $suite main"
		done
		[ -z "$security" ] || echo "deb [$signed] $security bookworm-security main"
	} >"$cache/apt/sources.list"
	vm_apt apt-get update >&2 && list_kernels >"$cache/apt/kernels"
}

# Lines of a kernel's package and the others that hold its parts: since 6.19 its modules and itself.
# Only what can be had whole: some stay listed after their modules have left the mirror.
list_kernels() {
	vm_apt apt-cache dumpavail | awk '
	/^Package: / { name = $2 }
	/^Package: linux-(image|binary|modules)-.*-cloud-amd64$/ { have[name] }
	/^Depends: / && name ~ /^linux-image-[0-9].*-cloud-amd64$/ {
		parts[name] = ""
		for (i = 2; i <= NF; i++)
			if ($i ~ /^linux-(binary|modules)-.*-cloud-amd64$/) parts[name] = parts[name] " " $i
	}
	END {
		for (name in parts) {
			n = split(parts[name], part, " ")
			for (i = 1; i <= n && part[i] in have; i++) continue
			if (i > n) print name parts[name]
		}
	}'
}

# Download the packages of one kernel and unpack them into a directory.
unpack_kernel() {
	local dir=$1
	shift
	rm -rf "$dir.part"
	mkdir -p "$dir.part/deb"
	(cd "$dir.part/deb" && vm_apt apt-get download "$@" >&2) || return 1
	for part in "$dir.part"/deb/*.deb; do
		dpkg-deb -x "$part" "$dir.part" || return 1
	done
	rm -rf "$dir.part/deb" "$dir"
	normalise_kernel "$dir.part" && mv "$dir.part" "$dir"
}

# The same layout for all: vmlinuz, and lib/modules/VERSION.
normalise_kernel() {
	local image modules
	image=$(find "$1" -name 'vmlinuz*' -type f | head -n 1)
	modules=$(find "$1" -path '*/lib/modules/*' -prune -type d | head -n 1)
	[ -n "$image" ] && [ -n "$modules" ] || return 1
	mv "$image" "$1/vmlinuz"
	if [ ! -e "$1/lib" ]; then
		mv "$1/usr/lib" "$1/lib"
	fi
	busybox depmod -b "$1" "$(ls "$1/lib/modules")"
}

# Download (once) the newest kernel of a series; print its directory. What was taken is kept for a
# day, so that the guests of one run and of the next need no network.
fetch_kernel() {
	local series=$1 dir packages
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	if [ -z "$(find "$cache/newest-$series" -mtime -1 2>/dev/null)" ]; then
		[ -n "$(find "$cache/apt/updated" -mmin -60 2>/dev/null)" ] ||
			{ update_lists && touch "$cache/apt/updated"; } || return 1
		read -r -a packages < <(grep "^linux-image-$series\." "$cache/apt/kernels" | sort -rV)
		[ ${#packages[@]} -gt 0 ] || return 1
		dir=$cache/${packages[0]}
		[ -e "$dir/vmlinuz" ] || unpack_kernel "$dir" "${packages[@]}" || return 1
		echo "$dir" >"$cache/newest-$series"
	fi
	exec 9>&-
	cat "$cache/newest-$series"
}
