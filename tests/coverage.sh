#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests reach: lines and branches of every file; parser and merge must be reached whole.
#
# usage: tests/coverage.sh        as root, about four minutes
#
#   IPACCT_BUILD=DIR  a build with -Db_coverage=true and no optimisation, kept (default: a temporary one)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
build=${IPACCT_BUILD:-}
if [ -z "$build" ]; then
	build=$(mktemp -d /tmp/ipacct-coverage.XXXXXX)
	trap 'rm -rf "$build"' EXIT
fi
[ -e "$build/build.ninja" ] ||
	meson setup "$build" "$top" -Db_coverage=true -Dbuildtype=debug -Doptimization=0 >/dev/null
ninja -C "$build" >"$build/build.log" || { tail -n 40 "$build/build.log"; exit 1; }

# Counts of another build or run would be added or refused.
find "$build" -name '*.gcda' -delete
meson test -C "$build" --no-rebuild --suite unit --suite kernel >"$build/tests.log" 2>&1 || {
	grep -E 'FAIL|ERROR|TIMEOUT' "$build/tests.log"
	exit 1
}
# The parser as native.c compiles it, and everything that adds counts up.
/usr/bin/python3 -B "$here/coverage.py" "$build" "$top" xdp/bpf/parse.h xdp/lib/table.c xdp/lib/ledger.h \
	daemon/fold.c daemon/ledger_version.h daemon/publish.c daemon/record_index.c
