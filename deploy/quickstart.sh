#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From a bare Debian 12 to true per-address counts with one command. Re-running is harmless.
#
# usage: sudo deploy/quickstart.sh [--mode native|generic] [IFACE]
#        sudo deploy/quickstart.sh --stop
#
#   IFACE            the interface to count on; without one a demo network is made and shown
#   --mode generic   for a driver without native XDP (also: MODE=generic)
#   --stop           stop the daemons that this script started (counting goes on until
#                    `ipacctctl detach`) and remove the demo network with all that belongs to it
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
build=$top/build
mode=${MODE:-native}
iface=
stop=false
demo=ipacct-demo-router # the namespace that deploy/demo.sh attaches in
runtime=/run/ipacct
geo_database=/var/lib/ipacct/geo/country.mmdb
geo_days=30  # it is made anew when it is older
ready_s=30   # the daemon says what is wrong long before
confirm_s=60 # an SSH session that is lost gets its interface back after this

say() {
	printf '%s\n' "$*"
}

step() {
	printf '\n== %s\n' "$*"
}

die() {
	printf 'quickstart: %s\n' "$*" >&2
	exit 1
}

usage() {
	sed -n '3,11s/^# \{0,1\}//p' "$0"
	exit "$1"
}

interactive() {
	[ -t 1 ] && [ "${CI:-}" != true ]
}

# ---- Packages, user, build ---------------------------------------------------------------------

install_packages() {
	local package missing=()
	while read -r package; do
		case $package in '' | '#'*) continue ;; esac
		[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] ||
			missing+=("$package")
	done <"$here/packages.txt"
	if [ ${#missing[@]} = 0 ]; then
		say "all packages are there"
		return
	fi
	say "installing: ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

make_user() {
	getent group ipacct >/dev/null || groupadd --system ipacct
	getent passwd ipacct >/dev/null || useradd --system --gid ipacct --no-create-home \
		--home-dir /nonexistent --shell /usr/sbin/nologin ipacct
	say "user and group ipacct are there; members of the group may read the counters"
}

compile() {
	[ -e "$build/build.ninja" ] || meson setup "$build" "$top" -Dtests=false -Dbuildtype=release
	ninja -C "$build"
	# Where ipacctctl looks for it when it has to detach without a running daemon.
	ln -f "$build/daemon/ipacctd" "$build/tools/ipacctd"
	# Built as root in somebody's tree: leave it theirs.
	chown -R --reference="$top" "$build"
}

mount_bpffs() {
	install -d -m 0750 -g ipacct "$runtime"
	mkdir -p "$runtime/bpf"
	if ! mountpoint -q "$runtime/bpf"; then
		mount -t bpf -o mode=0750 ipacct "$runtime/bpf"
		chgrp ipacct "$runtime/bpf"
	fi
	say "pins are kept in $runtime/bpf"
}

# A country database where one can be made: counting does not depend on it.
make_geo() {
	local package packages=()
	if ! "$build/daemon/ipacctd" --help | grep -q -e --geo-database; then
		say "this build has no geo worker"
		return
	fi
	if [ -n "$(find "$geo_database" -mtime "-$geo_days" 2>/dev/null)" ]; then
		say "$geo_database is there"
	else
		while read -r package; do
			case $package in '' | '#'*) ;; *) packages+=("$package") ;; esac
		done <"$here/geo/packages.txt"
		"$here/geo/country-from-tor.sh" --check 2>/dev/null ||
			DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
				"${packages[@]}" >/dev/null || true
		"$here/geo/country-from-tor.sh" "$geo_database" || true
	fi
	if [ -e "$geo_database" ]; then
		geo=(--geo-database "$geo_database")
		say "countries: IPFire Location Database, location.ipfire.org, CC BY-SA 4.0"
	else
		say "no country database: counting goes on without; deploy/geo/README.md has other ways"
	fi
}

# ---- The daemon --------------------------------------------------------------------------------

# Our programs, told where to look; in the demo's namespace where that is meant.
tool() { # NAME ARGUMENT…
	local name=$1
	shift
	set -- "$build/$name" "${places[@]}" "$@"
	[ -n "$iface" ] || set -- nsenter --net="/run/netns/$demo" -- "$@"
	"$@"
}

# One value out of `ipacctctl status --json`, by a Python expression over `status`.
query() {
	tool tools/ipacctctl status --json 2>/dev/null | python3 -c '
import json, sys
try:
    status = json.load(sys.stdin)
    print(eval(sys.argv[1]))
except (ValueError, KeyError, TypeError):
    sys.exit(1)' "$1"
}

daemon_pid() {
	query 'status["status"]["pid"]'
}

# Interfaces that are counted on now, so that a restart keeps them.
daemon_interfaces() {
	query '"\n".join(one["ifname"] for one in status["interfaces"] if one["state"] == "attached")' ||
		true
}

stop_daemon() {
	local pid waited
	pid=$(daemon_pid) || return 0
	kill -TERM "$pid"
	for ((waited = 0; waited < 100; waited++)); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	die "the running daemon (process $pid) does not end"
}

refused() {
	say
	say "The daemon did not start. What it said:"
	tail -n 15 "$runtime/ipacctd.log" | sed 's/^/    /'
	if [ "$mode" = native ]; then
		say
		say "If the driver of the interface has no native XDP, count in generic mode: slower, and"
		say "after the kernel has merged packets, so packet counts are not the wire's:"
		say "    sudo deploy/quickstart.sh --mode generic ${iface:-}"
	fi
	exit 1
}

start_daemon() { # OPTION…
	local name pid waited command
	local interfaces=("$@")
	while read -r name; do
		case " ${interfaces[*]} " in
		*" $name "*) ;;
		*) [ -z "$name" ] || interfaces+=("$name") ;;
		esac
	done < <(daemon_interfaces)
	stop_daemon # counting goes on; the new one takes over where this one ends
	command=("$build/daemon/ipacctd" "${places[@]}" --mode "$mode")
	for name in "${interfaces[@]}"; do
		command+=(-i "$name")
	done
	command+=("${geo[@]}" "${confirm[@]}")
	[ -n "$iface" ] || command=(nsenter --net="/run/netns/$demo" -- "${command[@]}")
	say "${command[*]}"
	setsid "${command[@]}" </dev/null >"$runtime/ipacctd.log" 2>&1 &
	pid=$!
	disown
	for ((waited = 0; waited < ready_s * 10; waited++)); do
		if [ "$(daemon_pid)" = "$pid" ]; then
			sed 's/^/    /' "$runtime/ipacctd.log"
			return
		fi
		kill -0 "$pid" 2>/dev/null || refused
		sleep 0.1
	done
	refused
}

# ---- SSH ---------------------------------------------------------------------------------------

# Is an address that an SSH session comes in on one of this interface's?
carries_ssh() {
	local address
	{
		# The third word is the address on our side; sudo drops the variable, hence the second.
		awk '{ print $3 }' <<<"${SSH_CONNECTION:-}"
		ss -Htn state established '( sport = :22 )' 2>/dev/null | awk '{ print $3 }' |
			sed 's/:22$//; s/^\[//; s/\]$//; s/^::ffff://; s/%.*//'
	} | sort -u | while read -r address; do
		[ -n "$address" ] || continue
		if ip -o addr show dev "$iface" | grep -qF " $address/"; then
			say "$address"
			break
		fi
	done
}

ask_confirmation() {
	[ ${#confirm[@]} -gt 0 ] || return 0
	say
	if interactive && [ -t 0 ]; then
		say "This session still works? Press Enter within $confirm_s s to keep counting."
		if read -r -t "$confirm_s" _; then
			tool tools/ipacctctl confirm
			return
		fi
	fi
	say "Not confirmed: the program is detached $confirm_s s after the start, unless you type"
	say "    sudo $shown confirm"
}

# ---- Reports -----------------------------------------------------------------------------------

reports() {
	step "What crossed the router so far"
	sleep 3 # something to show
	tool tools/ipacct-dump -n 12
	sleep 3
	step "and three seconds later"
	tool tools/ipacct-dump -n 12
}

summary() {
	local names
	names=$(daemon_interfaces | tr '\n' ' ')
	step "Counting"
	say "attached: ${names:-nothing}(mode: $mode${iface:+; log: $runtime/ipacctd.log})"
	say "prove it:  sudo $shown verify"
	say "undo:      sudo $shown detach"
	[ ${#geo[@]} = 0 ] || say "countries: sudo ${shown/ipacctctl/ipacct-dump} --by country"
	say "Ctrl-C stops reports, not counting."
	say "counts arrivals: on a router attach every port; this host's own sending needs the egress hook"
	if [ -z "$iface" ]; then
		names=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
		say
		say "This was the demo network; remove it with: sudo deploy/quickstart.sh --stop"
		if [ -n "$names" ]; then
			say "Your default route uses $names. To count real traffic there:"
			say "    sudo deploy/quickstart.sh $names"
		fi
	fi
}

# The demo has places of its own, so that it never meets a daemon that counts for real.
use_demo_places() {
	runtime=/run/ipacct-demo
	places=(--runtime-dir "$runtime" --bpffs "$runtime/bpf")
	shown="nsenter --net=/run/netns/$demo $build/tools/ipacctctl ${places[*]}"
}

stop_all() {
	iface=real
	if [ -x "$build/tools/ipacctctl" ] && [ -n "$(daemon_pid)" ]; then
		stop_daemon
		say "daemon: stopped; the program counts on until: sudo $build/tools/ipacctctl detach"
	fi
	iface=
	use_demo_places
	if [ -e "/run/netns/$demo" ]; then
		tool tools/ipacctctl detach || true
		stop_daemon
	fi
	"$here/demo.sh" stop
	if mountpoint -q "$runtime/bpf"; then
		umount "$runtime/bpf"
	fi
	rm -rf "$runtime"
}

# ---- Main --------------------------------------------------------------------------------------

while [ $# -gt 0 ]; do
	case $1 in
	--mode) mode=${2:-}; shift ;;
	--mode=*) mode=${1#*=} ;;
	--stop) stop=true ;;
	--help | -h) usage 0 ;;
	-*) usage 2 >&2 ;;
	*) iface=$1 ;;
	esac
	shift
done
case $mode in native | generic) ;; *) usage 2 >&2 ;; esac
[ "$(id -u)" = 0 ] || die "needs root: sudo $0 $*"
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8
places=(--runtime-dir "$runtime" --bpffs "$runtime/bpf")
shown=$build/tools/ipacctctl # as the user has to type it
confirm=()
geo=()

if $stop; then
	stop_all
	exit
fi
if [ -n "$iface" ]; then
	[ -e "/sys/class/net/$iface" ] ||
		die "there is no interface $iface; there are: $(cd /sys/class/net && echo *)"
else
	use_demo_places
fi

step "1/6 packages"
install_packages
step "2/6 user and group"
make_user
step "3/6 build"
compile
step "4/6 bpffs"
mount_bpffs
step "5/6 countries"
make_geo
step "6/6 run"
if [ -n "$iface" ]; then
	if [ -n "$(carries_ssh)" ]; then
		say "$iface carries an SSH session (address $(carries_ssh)): attaching for $confirm_s s only,"
		say "unless confirmed."
		confirm=(--confirm "$confirm_s")
	fi
	start_daemon "$iface"
	ask_confirmation
else
	"$here/demo.sh" start
	start_daemon lan0 wan0
fi
reports
summary
if interactive; then
	trap 'say; say "Reports stopped, counting goes on. Undo: sudo $shown detach"; exit 0' INT
	tool tools/ipacct-dump -n 12 -w 2
fi
