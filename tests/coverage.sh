#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests reach: lines and branches of every file; parser and merge must be reached whole.
#
# usage: tests/coverage.sh [--json]        as root, ten minutes on two CPUs
#
#   IPACCT_BUILD=DIR  a build with -Db_coverage=true and no optimisation, kept (default: a temporary one);
#                     its directories of objects become writable for user and group 65534
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
build=${IPACCT_BUILD:-}
nobody=65534
if [ -z "$build" ]; then
	build=$(mktemp -d /tmp/ipacct-coverage.XXXXXX)
	trap 'rm -rf "$build"' EXIT
fi
[ -e "$build/build.ninja" ] ||
	meson setup "$build" "$top" -Db_coverage=true -Dbuildtype=debug -Doptimization=0 -Dbench=false >/dev/null
ninja -C "$build" >"$build/build.log" || { tail -n 40 "$build/build.log"; exit 1; }

# Counts of another build or run would be added or refused.
find "$build" -name '*.gcda' -delete
# Each process adds its counts to a file beside the object when it ends, and ipacct-replay is nobody by
# then: where it may not, the counts are lost, and gcov says so on a standard error that must be empty. What
# is open to everybody lies in a directory that nobody else comes into.
chgrp "$nobody" "$build"
chmod 0710 "$build"
find "$build" -type d -name '*.p' -exec chmod 0777 {} +
(umask 0 && meson test -C "$build" --no-rebuild --suite unit --suite kernel >"$build/tests.log" 2>&1) || {
	grep -E 'FAIL|ERROR|TIMEOUT' "$build/tests.log"
	exit 1
}
/usr/bin/python3 -B "$here/coverage.py" "$@" "$build" "$top"
