#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run every test of ipacct on a bare Debian 12, as root.
#
# usage: tests/run.sh [--list] [--table] [SUITE...]
#
#   --list                 name the suites and end
#   --table                the table of faults at the end (without SUITE it is always there)
#   IPACCT_TEST_BUILDS=DIR keep the builds there (default: a temporary directory, removed)
#   IPACCT_NO_APT=1        install nothing
#   IPACCT_FUZZ_SECONDS=N  for each target of the suite fuzz (default: 60)
#
# The last line is "N passed, N failed, N skipped"; exit 1 when anything failed.
set -uo pipefail
exec </dev/null

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
all_suites="lint unit kernel golden e2e lru faults tsan package fuzz mutants vm"
passed=0
failed=0
skipped=0
child=
beside= # the suite fuzz, which needs idle time and no answer from anybody, runs beside the others

say() {
	printf '%s\n' "$*"
}

die() {
	say "tests/run.sh: $*"
	say "0 passed, 1 failed, 0 skipped"
	exit 1
}

# ---- What has to be there ----------------------------------------------------------------------

install_packages() {
	local package other command missing=() made_policy="" failed_step=""
	# A line: PACKAGE, or PACKAGE unless COMMAND (which somebody else's package may have brought).
	while read -r package other command; do
		case $package in '' | '#'*) continue ;; esac
		[ "$other" != unless ] || ! command -v "$command" >/dev/null || continue
		[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] ||
			missing+=("$package")
	done < <(cat "$top/deploy/packages.txt" "$here/packages.txt")
	[ ${#missing[@]} -gt 0 ] || return 0
	[ -z "${IPACCT_NO_APT:-}" ] || die "packages are missing: ${missing[*]}"
	say "== installing ${#missing[@]} packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# The tests start servers (prometheus) themselves: none may start by itself on a public port.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		made_policy=1
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod 0755 /usr/sbin/policy-rc.d
	fi
	apt-get update || failed_step="apt-get update"
	[ -n "$failed_step" ] || apt-get install -y --no-install-recommends "${missing[@]}" ||
		failed_step="apt-get install"
	[ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
	[ -z "$failed_step" ] || die "$failed_step failed"
}

make_user() {
	getent group ipacct >/dev/null || groupadd --system ipacct || die "cannot make group ipacct"
	getent passwd ipacct >/dev/null ||
		useradd --system --gid ipacct --no-create-home --shell /usr/sbin/nologin ipacct ||
		die "cannot make user ipacct"
}

# build NAME CC [MESON OPTION...]: configure and compile $builds/NAME once; only $target if that is set.
build() {
	local name=$1 compiler=$2 started=$SECONDS log=$builds/$1.log
	shift 2
	[ ! -e "$builds/$name/.built" ] || [ -n "${IPACCT_TEST_BUILDS:-}" ] || return 0
	mkdir -p "$builds"
	if [ ! -e "$builds/$name/build.ninja" ]; then
		CC=$compiler meson setup "$builds/$name" "$top" -Dwerror=true "$@" >"$log" 2>&1 || {
			cat "$log"
			return 1
		}
	fi
	ninja -C "$builds/$name" ${target:+"$target"} >>"$log" 2>&1 || {
		tail -n 60 "$log"
		return 1
	}
	touch "$builds/$name/.built"
	say "   build $name: $((SECONDS - started)) s"
}

build_gcc() { build gcc gcc; }
# The other compiler with the sanitizers: so each unit test passes both.
build_asan() {
	target=unit-golden build asan clang -Db_sanitize=address,undefined -Db_lundef=false \
		-Doptimization=1 -Dbench=false
}
build_fuzz() { target=fuzz build fuzz clang -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true -Dtests=false; }
build_tsan() { target=tsan build tsan clang -Db_sanitize=thread -Db_lundef=false; }
# The release that an upgrade goes to (T-SCHEMA).
build_next() {
	target=daemon-and-readers build next gcc -Dnext_layout=true -Dcrash_points=true \
		-Dtests=false -Dbench=false
}
build_crash() { target=daemon-and-readers build crash gcc -Dcrash_points=true -Dtests=false -Dbench=false; }

# ---- The suites: each prints TAP ---------------------------------------------------------------

# Shell scripts are read by shellcheck, Python is compiled, SPDX lines are looked for.
suite_lint() {
	local file number=0
	while read -r file; do
		number=$((number + 1))
		if notes=$(shellcheck "$file" 2>&1); then
			echo "ok $number - shellcheck ${file#"$top"/}"
		else
			echo "not ok $number - shellcheck ${file#"$top"/}"
			echo "# ${notes//$'\n'/$'\n'# }"
		fi
	done < <(find "$top/tests" "$top/deploy" "$top/bench" "$top/tools" -name '*.sh' | sort)
	number=$((number + 1))
	notes=$(find "$top/xdp" "$top/daemon" "$top/tools" "$top/tests" "$top/bench" -name '*.[ch]' \
		-exec clang-format --dry-run -Werror {} + 2>&1 | sed -n "s|^$top/||; s/: error: .*//p" |
		cut -d: -f1 | sort | uniq -c)
	if [ -z "$notes" ]; then
		echo "ok $number - clang-format"
	else
		echo "not ok $number - clang-format: lines to move in these files"
		echo "# ${notes//$'\n'/$'\n'# }"
	fi
	number=$((number + 1))
	notes=$(find "$top" \( -path "$top/.git" -o -path "$top/build*" \) -prune -o -type f \
		\( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' -o -name '*.map' \
		-o -name meson.build \) -print0 |
		xargs -0 awk 'FNR <= 2 && /SPDX-License-Identifier/ { good[FILENAME] }
			FNR == 1 { seen[FILENAME] }
			END { for (name in seen) if (!(name in good)) print name }')
	if [ -z "$notes" ]; then
		echo "ok $number - SPDX line in every source file"
	else
		echo "not ok $number - SPDX line in every source file"
		echo "# missing: ${notes//$'\n'/$'\n'# missing: }"
	fi
	echo "1..$number"
}

# meson_suite SUITE BUILD: run it there and translate.
meson_suite() {
	local suite=$1 name=$2 log
	log=$builds/$name/meson-logs/testlog.json
	rm -f "$log"
	ASAN_OPTIONS=handle_segv=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		meson test -C "$builds/$name" --no-rebuild --suite "$suite" \
		>"$builds/$name/$suite.out" 2>&1
	if [ -s "$log" ]; then
		/usr/bin/python3 -B "$here/meson_tap.py" "${suite}[$name] " <"$log"
	else
		echo "not ok 1 - ${suite}[$name]: meson ran no test"
		tail -n 20 "$builds/$name/$suite.out" | sed 's/^/# /'
	fi
}

suite_unit() {
	meson_suite unit gcc
	meson_suite unit asan
}

suite_kernel() {
	meson_suite kernel gcc
}

suite_golden() {
	meson_suite golden gcc
	meson_suite golden asan
}

suite_e2e() {
	IPACCT_BUILD=$builds/gcc IPACCT_CRASH_BUILD=$builds/crash exec "$here/e2e/run.py" --side-by-side
}

suite_lru() {
	IPACCT_BUILD=$builds/gcc IPACCT_CRASH_BUILD=$builds/crash exec "$here/e2e/run.py" --side-by-side --without-hot
}

suite_faults() {
	IPACCT_BUILD=$builds/gcc IPACCT_CRASH_BUILD=$builds/crash IPACCT_NEXT_BUILD=$builds/next \
		exec "$here/faults/run.py" --side-by-side
}

suite_fuzz() {
	if [ -n "$beside" ]; then
		exec tail -n +1 -f --pid="$beside" "$builds/beside"
	fi
	IPACCT_BUILD=$builds/fuzz exec "$here/fuzz/run.sh"
}

suite_tsan() {
	IPACCT_BUILD=$builds/tsan exec "$here/tsan/run.sh"
}

suite_package() {
	IPACCT_BUILD=$builds/gcc exec "$here/package/run.py"
}

suite_mutants() {
	exec "$here/mutants/run.sh"
}

suite_vm() {
	IPACCT_BUILD=$builds/gcc IPACCT_CRASH_BUILD=$builds/crash exec "$here/vm/run.sh" all
}

builds_of() {
	case $1 in
	unit) echo "gcc asan" ;;
	golden) echo "gcc asan" ;;
	kernel | package) echo "gcc" ;;
	e2e | lru | vm) echo "gcc crash" ;;
	faults) echo "gcc crash next" ;;
	fuzz) [ -n "$beside" ] || echo "$1" ;;
	tsan) echo "$1" ;;
	esac
}

# Begin the suite fuzz at the lowest priority; when its turn comes it has ended, or is waited for.
begin_beside() {
	: >"$builds/beside"
	set -m
	(
		renice -n 19 -p "$BASHPID" >/dev/null
		if build_fuzz; then suite_fuzz; else echo "not ok 1 - build fuzz"; fi
	) >"$builds/beside" 2>&1 &
	beside=$!
	set +m
}

# mawk reads whole blocks unless told not to: then nothing is seen for minutes.
line_awk=(awk)
if awk -W version 2>&1 | grep -q mawk; then
	line_awk=(awk -W interactive)
fi

# ---- Counting ----------------------------------------------------------------------------------

# TAP on stdin: failures with their diagnostics and skips with their reasons to stdout; with
# live=1 every result; the sums to the file named.
tally() {
	# shellcheck disable=SC2016 # awk
	"${line_awk[@]}" -v sums="$1" -v live="$2" '
	/^ok([ \t]|$)/ {
		show = 0
		if ($0 ~ /# *SKIP/) { skip++; print "   " $0 } else { pass++; if (live) print "   " $0 }
		fflush(); next
	}
	/^not ok/ { fail++; show = 1; print "   " $0; fflush(); next }
	/^1\.\.0/ { skip++; print "   skipped: " $0; fflush(); next }
	/^Bail out!/ { fail++; print "   " $0; fflush(); next }
	/^1\.\.|^TAP version/ { next }
	show || live { print "   " $0; fflush() }
	END { print pass + 0, fail + 0, skip + 0 >sums }'
}

# run_suite NAME: build what it needs, run it, add up.
run_suite() {
	local suite=$1 started=$SECONDS live=0 needed sums counter code=0
	local p=0 f=0 s=0
	sums=$builds/sums
	say "== $suite"
	for needed in $(builds_of "$suite"); do
		"build_$needed" || { say "   not ok - build $needed"; failed=$((failed + 1)); return; }
	done
	case $suite in e2e | lru | faults | fuzz | tsan | package | mutants | vm) live=1 ;; esac
	rm -f "$builds/tap"
	mkfifo "$builds/tap"
	tee "$builds/results.$suite" <"$builds/tap" | tally "$sums" "$live" &
	counter=$!
	# In the background with a process group of its own and waited for: so a TERM that reaches
	# this script is passed on by the trap below at once, and to nothing else.
	set -m
	("suite_$suite") >"$builds/tap" 2>&1 &
	child=$!
	set +m
	wait "$child" || code=$?
	child=
	wait "$counter"
	read -r p f s <"$sums" || { f=1; say "   not ok - $suite gave no results"; }
	if [ "$code" != 0 ] && [ "$f" = 0 ]; then
		say "   not ok - $suite ended with exit status $code"
		f=1
	fi
	if [ $((p + f + s)) = 0 ]; then
		say "   not ok - $suite ran no test"
		f=1
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	say "== $suite: $p passed, $f failed, $s skipped ($((SECONDS - started)) s)"
}

left_behind() {
	{
		ip netns list | sed 's/^/namespace /'
		awk '/ipacct/ { print "mount " $2 }' /proc/mounts
	} | grep ipacct | sort
}

# Processes that run one of the builds: named by their executable, so that no other is meant.
still_running() {
	find /proc -maxdepth 2 -name exe -lname "$builds/*" -printf 'process %h %l\n' 2>/dev/null
}

interrupted() {
	[ -z "$child" ] || { kill -TERM -- "-$child"; wait "$child"; }
	[ -z "$beside" ] || { kill -TERM -- "-$beside"; wait "$beside"; }
	say "tests/run.sh: interrupted"
	say "$passed passed, $((failed + 1)) failed, $skipped skipped"
	exit 1
}

clean_up() {
	[ -n "${IPACCT_TEST_BUILDS:-}" ] || rm -rf "$builds"
}

# ---- Main --------------------------------------------------------------------------------------

suites=()
table=0
for argument in "$@"; do
	case $argument in
	--list) say "$all_suites" | tr ' ' '\n'; exit 0 ;;
	--table) table=1 ;;
	-*) sed -n '3,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
	*)
		case " $all_suites " in
		*" $argument "*) suites+=("$argument") ;;
		*) say "tests/run.sh: no suite '$argument'; there are: $all_suites"; exit 2 ;;
		esac
		;;
	esac
done
if [ ${#suites[@]} = 0 ]; then
	read -r -a suites <<<"$all_suites"
	table=1
fi
[ "$(id -u)" = 0 ] || die "needs root (network namespaces, bpf): sudo $0"

started=$SECONDS
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
install_packages
make_user
builds=${IPACCT_TEST_BUILDS:-$(mktemp -d /tmp/ipacct-tests.XXXXXX)}
mkdir -p "$builds"
chmod 0755 "$builds" # tests of what strangers may do run the programs as strangers
trap clean_up EXIT
trap interrupted INT TERM HUP
rm -f "$builds"/results.*
before=$(left_behind)

for suite in "${suites[@]}"; do
	case "$suite ${suites[*]}" in "e2e "*fuzz*) begin_beside ;; esac
	run_suite "$suite"
done

if [ "$table" = 1 ] && ! /usr/bin/python3 -B "$here/faults/table.py" "$builds"; then
	say "not ok - a row of the table of faults is not shown"
	failed=$((failed + 1))
fi
leftovers=$(comm -13 <(echo "$before") <(left_behind); still_running)
if [ -n "$leftovers" ]; then
	say "not ok - the tests left something behind:"
	say "$leftovers"
	failed=$((failed + 1))
else
	passed=$((passed + 1))
fi
say "== all: $((SECONDS - started)) s"
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
