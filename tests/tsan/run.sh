#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon under the thread sanitizer, as the end to end tests drive it. Prints TAP. Needs root.
#
# usage: tests/tsan/run.sh [PART OF A TEST'S NAME...]
#
#   IPACCT_BUILD=DIR  a build by clang with -Db_sanitize=thread (default: a temporary one, removed)
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# What has more than one thread: the collector with its HTTP endpoint; and the geo worker beside it.
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(every_number_is json_is answers_and_refusals reload_moves_it tls_and_passwords
	collector_that_dies a_hundred_scrapers nobody_can_keep geo_new_address geo_address_in_a_folded)

scratch=$(mktemp -d /tmp/ipacct-tsan.XXXXXX)
chmod 0711 "$scratch" # the unprivileged processes report, too
mkdir -m 1777 "$scratch/reports"
child=
finish() {
	[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child"; }
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

if [ -z "${IPACCT_BUILD:-}" ]; then
	IPACCT_BUILD=$scratch/build
	{
		CC=clang meson setup "$IPACCT_BUILD" "$top" -Db_sanitize=thread -Db_lundef=false &&
			ninja -C "$IPACCT_BUILD" tsan
	} >"$scratch/build.log" 2>&1 || { tail -n 40 "$scratch/build.log"; echo "Bail out! cannot build"; exit 1; }
fi
export IPACCT_BUILD

# Slower by the sanitizer: longer deadlines, less traffic.
IPACCT_TEST_SLOW=3 \
	TSAN_OPTIONS="log_path=$scratch/reports/t exitcode=0 suppressions=$here/suppressions" \
	"$top/tests/e2e/run.py" "${tests[@]}" >"$scratch/e2e" &
child=$!
code=0
wait "$child" || code=$?
child=
sed '/^1\.\.[0-9]/d; /^TAP version/d' "$scratch/e2e"
number=$(grep -cE '^(not )?ok' "$scratch/e2e")

number=$((number + 1))
races=$(cat "$scratch/reports"/t.* 2>/dev/null)
if [ -z "$races" ] && [ "$number" -gt 1 ]; then
	echo "ok $number - no data race"
else
	code=1
	echo "not ok $number - no data race"
	head -n 400 <<<"$races" | sed 's/^/# /'
fi

number=$((number + 1))
TSAN_OPTIONS="exitcode=66" "$IPACCT_BUILD/tests/tsan/race" >"$scratch/race" 2>&1
if [ $? = 66 ] && grep -q 'data race' "$scratch/race"; then
	echo "ok $number - a planted race is reported"
else
	code=1
	echo "not ok $number - a planted race is not reported"
	sed 's/^/# /' "$scratch/race"
fi
echo "1..$number"
[ "$code" = 0 ]
