#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run the libFuzzer programs over their corpora, two at a time. Prints TAP.
#
# usage: tests/fuzz/run.sh [--seconds N] [--keep] [TARGET...]
#
#   --seconds N       for each target (default: $IPACCT_FUZZ_SECONDS, else 60)
#   --keep            add what reaches new code to tests/fuzz/corpus
#   IPACCT_BUILD=DIR  a build with -Dfuzz=true and sanitizers (default: a temporary one, removed)
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
seconds=${IPACCT_FUZZ_SECONDS:-60}
keep=
jobs=2
targets=()
# A target's longest input: large enough for every limit it has, small enough to be quick.
declare -A max_len=([config]=4096 [geofile]=16384 [groups]=4096 [http]=16384 [ledger]=1024 [mmdb]=8192
	[parse]=2048 [protect]=4096 [replay]=32768)

usage() {
	sed -n '3,9s/^# \{0,1\}//p' "$0"
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--seconds) [ $# -gt 1 ] || usage; seconds=$2; shift ;;
	--keep) keep=1 ;;
	-*) usage ;;
	*) [ -n "${max_len[$1]:-}" ] || { echo "no target '$1': ${!max_len[*]}"; exit 2; }; targets+=("$1") ;;
	esac
	shift
done
case $seconds in '' | *[!0-9]* | 0*) echo "seconds: a whole number above 0, not '$seconds'"; exit 2 ;; esac
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(printf '%s\n' "${!max_len[@]}" | sort)

scratch=$(mktemp -d /tmp/ipacct-fuzz.XXXXXX)
started=()
finish() {
	[ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null
	wait
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

if [ -z "${IPACCT_BUILD:-}" ]; then
	IPACCT_BUILD=$scratch/build
	{
		CC=clang meson setup "$IPACCT_BUILD" "$top" -Dfuzz=true -Dtests=false \
			-Db_sanitize=address,undefined -Db_lundef=false &&
			ninja -C "$IPACCT_BUILD" fuzz
	} >"$scratch/build.log" 2>&1 || { tail -n 40 "$scratch/build.log"; echo "Bail out! cannot build"; exit 1; }
fi

# Where the inputs of a target are, besides its corpus.
seeds_of() {
	case $1 in
	config) echo "$top/tests/golden/config" ;;
	http) echo "$here/http" ;;
	esac
}

# corpus_of TARGET: a directory with what was kept of it.
corpus_of() {
	mkdir -p "$scratch/$1.corpus"
	[ ! -f "$here/corpus/$1.tar.gz" ] || tar -xzf "$here/corpus/$1.tar.gz" -C "$scratch/$1.corpus"
	echo "$scratch/$1.corpus"
}

# In a subshell that it replaces: so a signal to it reaches the program.
fuzz() {
	local name=$1 seeds
	read -r -a seeds <<<"$(corpus_of "$name") $(seeds_of "$name")"
	mkdir -p "$scratch/$name.found" "$scratch/$name.crash"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
		exec "$IPACCT_BUILD/tests/fuzz/fuzz_$name" -max_total_time="$seconds" \
		-max_len="${max_len[$name]}" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$scratch/$name.crash/" "$scratch/$name.found" \
		"${seeds[@]}" >"$scratch/$name.log" 2>&1
}

# The inputs that reach something the committed ones do not.
keep_found() {
	local name=$1 kept=$scratch/$1.kept seeds
	read -r -a seeds <<<"$(seeds_of "$name")"
	mkdir -p "$kept" "$here/corpus"
	"$IPACCT_BUILD/tests/fuzz/fuzz_$name" -merge=1 -max_len="${max_len[$name]}" "$kept" \
		"${seeds[@]}" "$scratch/$name.corpus" "$scratch/$name.found" >"$scratch/$name.merge" 2>&1 || {
		echo "# $name: cannot merge: $(tail -n 1 "$scratch/$name.merge")"
		return
	}
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$kept" -cf - . |
		gzip -9n >"$here/corpus/$name.tar.gz"
	echo "# $name: $(find "$kept" -type f | wc -l) inputs kept"
}

report() {
	local number=$1 name=$2 code=$3 log=$scratch/$2.log file n_runs coverage
	n_runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
	coverage=$(sed -n 's/.*DONE *cov: \([0-9]*\) .*/\1/p' "$log")
	if [ "$code" = 0 ] && [ "${n_runs:-0}" -gt 0 ] && [ -n "$coverage" ]; then
		echo "ok $number - fuzz_$name"
		echo "# $n_runs inputs in $seconds s, $coverage edges"
		[ -z "$keep" ] || keep_found "$name"
		return
	fi
	failed=1
	echo "not ok $number - fuzz_$name: ended with status $code after ${n_runs:-no} inputs"
	grep -v '^#' "$log" | tail -n 60 | sed 's/^/# /'
	for file in "$scratch/$name.crash"/*; do
		[ -f "$file" ] || continue
		echo "# input, base64: $(base64 -w 0 "$file" | head -c 8192)"
	done
}

echo "1..${#targets[@]}"
failed=0
for ((i = 0; i < ${#targets[@]}; i += jobs)); do
	started=()
	for name in "${targets[@]:i:jobs}"; do
		fuzz "$name" &
		started+=($!)
	done
	codes=()
	for pid in "${started[@]}"; do
		wait "$pid"
		codes+=($?)
	done
	started=()
	for ((j = 0; j < ${#codes[@]}; j++)); do
		report $((i + j + 1)) "${targets[i + j]}" "${codes[j]}"
	done
done
[ "$failed" = 0 ]
