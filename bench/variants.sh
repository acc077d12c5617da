#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was decided against, or might be gained, measured: the tree as it is and a changed copy of it, one
# after the other, and what compare.py says. The figures are in README.md.
#
# usage: bench/variants.sh ways|choice|lto|o3 [RUN.SH OPTION...]
#
#   ways    hot tier with sets of 4 IPv4 lines (2 of IPv6) instead of 8 (4), as many lines in all
#   choice  every key in one set instead of two
#   lto     -Db_lto=true, on what runs in user space
#   o3      -O3 -mavx2 against -O2, likewise
#
# Exit status 0 whatever the difference is, 1 when a run failed, 2 on wrong usage.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d /tmp/ipacct-variants.XXXXXX)
child=
# shellcheck disable=SC2317  # called by the traps
interrupted() {
	[ -z "$child" ] || { kill -TERM -- "-$child" 2>/dev/null; wait "$child" || true; }
	exit 1
}
trap 'rm -rf "$work"' EXIT
trap interrupted INT TERM HUP

# edit FILE PATTERN REPLACEMENT: exactly one line of it has to have that.
edit() {
	[ "$(grep -c "$2" "$work/tree/$1")" = 1 ] || {
		echo "variants.sh: no single line of $1 has: $2" >&2
		exit 1
	}
	sed -i "s/$2/$3/" "$work/tree/$1"
}

# run TREE NAME [OPTION...]
run() {
	local tree=$1 name=$2 code=0
	shift 2
	echo "== $name"
	set -m
	"$tree/bench/run.sh" --json "$work/$name" "$@" &
	child=$!
	set +m
	wait "$child" || code=$?
	child=
	return "$code"
}

mkdir "$work/tree"
cp -a "$top"/{meson.build,meson_options.txt,xdp,daemon,tools,deploy,tests,bench} "$work/tree"
base=
setup=
only=()
packets=(--only 'datapath/v?/1cpu/1k' --only 'datapath/v?/1cpu/64k' --only 'datapath/v4/1cpu/1m'
	--only 'datapath/v4/1cpu/flood' --only 'honest/5000/5pps' --only 'honest/5000/40pps')
user=(--only reading --only cut --only ledger --only micro --only render)
case ${1:-} in
ways)
	edit xdp/include/ipacct/abi.h 'IPACCT_HOT_SET_BYTES 256u' 'IPACCT_HOT_SET_BYTES 128u'
	edit xdp/include/ipacct/abi.h 'IPACCT_HOT4_WAYS     8u' 'IPACCT_HOT4_WAYS     4u'
	edit xdp/include/ipacct/abi.h 'IPACCT_HOT6_WAYS     4u' 'IPACCT_HOT6_WAYS     2u'
	only=("${packets[@]}")
	;;
choice)
	edit xdp/bpf/hot_set.bpf.h 'return hash ^ hash >> 29;' 'return hash >> 32;'
	only=("${packets[@]}")
	;;
lto)
	setup=-Db_lto=true
	only=("${user[@]}")
	;;
o3)
	base='-Doptimization=2'
	setup='-Doptimization=3 -Dc_args=-mavx2'
	only=("${user[@]}")
	;;
*)
	sed -n '3,14s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
shift
IPACCT_BENCH_SETUP=$base run "$top" as_it_is "${only[@]}" "$@"
IPACCT_BENCH_SETUP=$setup run "$work/tree" variant "${only[@]}" "$@"
/usr/bin/python3 -B "$top/bench/compare.py" --all "$work/as_it_is" "$work/variant" || [ $? = 1 ]
