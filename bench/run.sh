#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Build and run the benches, as root: a table on stdout, JSON lines where asked.
#
# usage: bench/run.sh [--quick] [--json FILE]
#
#   IPACCT_BENCH_BUILD=DIR   keep the build there (default: a temporary directory, removed)
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=${IPACCT_BENCH_BUILD:-$(mktemp -d /tmp/ipacct-bench-build.XXXXXX)}
# shellcheck disable=SC2317  # called by the trap
clean_up() {
	[ -n "${IPACCT_BENCH_BUILD:-}" ] || rm -rf "$build"
}
trap clean_up EXIT

[ "$(id -u)" = 0 ] || {
	echo "bench/run.sh: needs root (it loads BPF programs): sudo $0" >&2
	exit 1
}
if [ ! -e "$build/build.ninja" ]; then
	meson setup "$build" "$top" -Dtests=false -Dbuildtype=release >"$build.log" 2>&1 || {
		cat "$build.log" >&2
		exit 1
	}
	rm -f "$build.log"
fi
ninja -C "$build" bench/bench >/dev/null
echo "# $(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
echo "# load $(cut -d' ' -f1-3 /proc/loadavg); figures of one run: only ratios mean anything"
"$build/bench/bench" "$@"
