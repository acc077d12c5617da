#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prove that the exactness tests can fail: plant a known fault, demand a red test.
#
# usage: tests/mutants/run.sh [PART OF A PATCH'S NAME...]
#
# Each *.patch starts with two lines:
#   Fault: what is broken, in words
#   Test: SUITE NAME     SUITE: e2e (part of a test's name) or a meson suite (name of a program)
# Works on a copy of the tree; prints TAP: ok = the fault was found.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$(mktemp -d /tmp/ipacct-mutants.XXXXXX)
copy=$work/tree
number=0
failed=0
child=

# shellcheck disable=SC2317  # called by the trap
undo() {
	[ -z "$child" ] || { kill -TERM "$child"; wait "$child"; }
	rm -rf "$work"
}
trap undo EXIT
trap 'exit 1' INT TERM HUP

result() { # ok|"not ok" TEXT
	number=$((number + 1))
	echo "$1 $number - mutant $2"
	[ "$1" = ok ] || failed=1
}

show() {
	tail -n "${2:-12}" "$1" | sed 's/^/# /'
}

# What the named test runs, and nothing else.
compile() { # SUITE NAME
	local targets=("tests/$1/$2")
	[ "$1" != e2e ] || targets=(daemon/ipacctd tools/ipacct-dump tools/ipacctctl tests/traffic/ipacct-gen)
	ninja -C "$work/build" "${targets[@]}" >"$work/build.log" 2>&1
}

# The named test against the copy: 0 passed, 1 failed, 2 there is no such test.
run_test() { # SUITE NAME
	if [ "$1" = e2e ]; then
		IPACCT_BUILD=$work/build IPACCT_CRASH_BUILD=$work/build \
			"$copy/tests/e2e/run.py" "$2" >"$work/out" 2>&1 &
	else
		meson test -C "$work/build" --no-rebuild --suite "$1" "$2" >"$work/out" 2>&1 &
	fi
	child=$!
	wait "$child"
	local code=$?
	child=
	if [ "$1" = e2e ] && ! grep -qE '^(not )?ok [0-9]+ - [^#]*$' "$work/out"; then
		return 2
	fi
	[ "$code" = 0 ]
}

try_patch() { # FILE
	local name fault suite test
	name=$(basename "$1" .patch)
	fault=$(sed -n 's/^Fault: //p' "$1")
	read -r suite test < <(sed -n 's/^Test: //p' "$1")
	if ! patch -p1 -s -f --no-backup-if-mismatch -d "$copy" <"$1" >"$work/patch.log" 2>&1; then
		result "not ok" "$name: the patch does not apply to today's code"
		show "$work/patch.log"
		return
	fi
	if ! compile "$suite" "$test"; then
		result "not ok" "$name: does not build"
		show "$work/build.log" 30
	elif run_test "$suite" "$test"; then
		result "not ok" "$name: $suite $test did not notice: $fault"
	elif [ $? = 2 ]; then
		result "not ok" "$name: no test $test in suite $suite"
	else
		result ok "$name: $fault"
		grep -A 3 -m 1 -E '^not ok' "$work/out" | sed 's/^#* */# /'
	fi
	patch -p1 -s -R -f --no-backup-if-mismatch -d "$copy" <"$1" >/dev/null
}

patches=()
for file in "$here"/*.patch; do
	[ -e "$file" ] || continue
	if [ $# = 0 ]; then
		patches+=("$file")
		continue
	fi
	for part in "$@"; do
		case ${file##*/} in *"$part"*) patches+=("$file") ;; esac
	done
done
if [ ${#patches[@]} = 0 ]; then
	echo "1..0 # SKIP no patch in tests/mutants"
	exit 0
fi

mkdir -p "$copy"
(cd "$top" && tar -c --exclude=./.git --exclude=./build --exclude='./build-*' .) | tar -x -C "$copy"
if ! meson setup "$work/build" "$copy" -Dcrash_points=true >"$work/build.log" 2>&1; then
	result "not ok" "the unchanged tree is refused by meson"
	show "$work/build.log" 30
	echo "1..$number"
	exit 1
fi

# A test that is red without a fault would prove nothing.
sed -n 's/^Test: //p' "${patches[@]}" | sort -u >"$work/tests"
while read -r suite test <&3; do
	if ! compile "$suite" "$test"; then
		result "not ok" "none: $suite $test does not build on the unchanged tree"
		show "$work/build.log" 30
	elif run_test "$suite" "$test"; then
		result ok "none: $suite $test is green on the unchanged tree"
	else
		result "not ok" "none: $suite $test is red on the unchanged tree"
		show "$work/out" 30
	fi
done 3<"$work/tests"
for file in "${patches[@]}"; do
	try_patch "$file"
done
echo "1..$number"
exit "$failed"
