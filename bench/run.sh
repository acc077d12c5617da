#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Build and run the benches, as root: a table on stdout; JSON lines and a report where asked.
#
# usage: bench/run.sh [--quick] [--json FILE] [--report FILE.md] [--only PATTERN]...
#
#   --quick          fewer cases: 4 minutes instead of 25
#   --json FILE      one line a figure, after one that describes the machine
#   --report FILE.md the machine, the method, the goals, every figure, and what follows
#   --only PATTERN   the cases whose name matches, such as 'datapath/v4/*'
#
#   IPACCT_BENCH_BUILD=DIR     keep the build there (default: a temporary directory, removed)
#   IPACCT_BENCH_SETUP='-D…'   options for meson setup
#
# Exit status: 1 when something was not conserved, 2 on wrong usage.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
usage() {
	sed -n '3,15s/^# \{0,1\}//p' "$0"
}

json=
report=
options=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) options+=("$1") ;;
	--json | --report | --only)
		[ $# -gt 1 ] || { usage >&2; exit 2; }
		case $1 in
		--json) json=$2 ;;
		--report) report=$2 ;;
		--only) options+=("$1" "$2") ;;
		esac
		shift
		;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || {
	echo "bench/run.sh: needs root (it loads BPF programs): sudo $0" >&2
	exit 1
}

work=$(mktemp -d /tmp/ipacct-bench.XXXXXX)
build=${IPACCT_BENCH_BUILD:-$work/build}
child=
# shellcheck disable=SC2317  # called by the traps
clean_up() {
	rm -rf "$work"
}
# shellcheck disable=SC2317
interrupted() {
	trap '' INT TERM HUP
	[ -z "$child" ] || { kill -TERM -- "-$child" 2>/dev/null; wait "$child" || true; }
	echo "bench/run.sh: interrupted" >&2
	exit 1
}
trap clean_up EXIT
trap interrupted INT TERM HUP

# In a process group of its own and waited for, so that a signal is passed on at once.
run() {
	local code=0
	set -m
	"$@" &
	child=$!
	set +m
	wait "$child" || code=$?
	child=
	return "$code"
}

compile() {
	local setup=()
	read -r -a setup <<<"${IPACCT_BENCH_SETUP:-}"
	if [ ! -e "$build/build.ninja" ]; then
		run meson setup "$build" "$top" -Dtests=false -Dman=disabled -Dbuildtype=release \
			"${setup[@]}" >"$work/log" 2>&1 || return 1
	fi
	run ninja -C "$build" bench/bench tools/ipacct-dump tools/ipacct-top >>"$work/log" 2>&1
}

# What may stand between quotes in JSON.
plain() {
	tr -d '"\134' | tr -cs '[:print:]' ' ' | sed 's/ *$//'
}

machine() {
	local cpu compiler revision
	cpu=$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo | plain)
	compiler=$( (clang --version | sed -n 1p && "${CC:-cc}" --version | sed -n 1p) | plain)
	revision=$( (git -C "$top" describe --always --dirty 2>/dev/null || true) | plain)
	printf '{"machine":{"kernel":"%s","cpu":"%s","cpus":%d,"compiler":"%s","revision":"%s",' \
		"$(uname -sr | plain)" "$cpu" "$(nproc)" "$compiler" "${revision:-unknown}"
	printf '"date":"%s","load":"%s","options":"%s"}}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
		"$(cut -d' ' -f1-3 /proc/loadavg)" "$(echo "${options[*]}" | plain)"
}

compile || {
	cat "$work/log" >&2
	exit 1
}
started=$SECONDS
machine | tee "$work/run.jsonl" | sed 's/^{"machine":{/# /; s/}}$//; s/"//g; s/,/, /g'
echo "# figures of one run on one machine: only ratios mean anything elsewhere"
code=0
run "$build/bench/bench" "${options[@]}" --dump "$build/tools/ipacct-dump" \
	--top "$build/tools/ipacct-top" --json "$work/run.jsonl" || code=$?
echo
echo "# $((SECONDS - started)) s"
[ -z "$json" ] || cp "$work/run.jsonl" "$json"
[ -z "$report" ] || /usr/bin/python3 -B "$top/bench/report.py" "$work/run.jsonl" "$report"
exit "$code"
