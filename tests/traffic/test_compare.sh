#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ipacct-gen --compare decides whether other tests pass: it must see every kind of difference.
#
# usage: test_compare.sh PATH-OF-ipacct-gen
set -eu

gen=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# expect NAME EXIT-CODE OUTPUT-PATTERN ARGUMENT...
expect() {
	name=$1 want=$2 pattern=$3
	shift 3
	n=$((n + 1))
	got=0
	"$gen" --compare "$@" >"$dir/out" 2>&1 || got=$?
	if [ "$got" = "$want" ] && grep -q -- "$pattern" "$dir/out"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name: exit $got, expected $want and '$pattern'"
		sed 's/^/# /' "$dir/out"
		failed=1
	fi
}

# dump LINE...: what ipacct-dump --csv prints, without times
dump() {
	echo 'type,address,domain,tx_packets,tx_l3_bytes,rx_packets,rx_l3_bytes,first_seen,last_seen'
	for line in "$@"; do echo "$line,x,y"; done
}

printf '192.0.2.1\t0\t5\t500\t1\t100\n192.0.2.9\t0\t2\t200\t6\t600\n' >"$dir/sent"
printf '2001:db8::1\t3\t7\t700\t7\t700\ntotal\t14\t1\t14\t1400\nignored\tarp\t3\t180\n' >>"$dir/sent"
printf '192.0.2.1\t0\t1\t100\t0\t0\n3fff::1\t0\t0\t0\t1\t100\n' >"$dir/more"
a=address,192.0.2.1,0,5,500,1,100
b=address,192.0.2.9,0,2,200,6,600
c=address,2001:db8::1,3,7,700,7,700

echo "1..17"
dump $c $a $b >"$dir/same"
expect "the same in another order" 0 "differences 0" "$dir/sent" "$dir/same"
dump $a $b >"$dir/dump"
expect "an address is missing" 3 "^2001:db8::1 domain 3: tx_packets sent 7 counted 0" \
	"$dir/sent" "$dir/dump"
expect "missing without a roll-up" 3 "^2001:db8::1 domain 3" --rollup "$dir/sent" "$dir/dump"
dump $a $b $c address,192.0.2.77,0,0,0,0,1 >"$dir/dump"
expect "an address too many" 3 "^192.0.2.77 domain 0: rx_l3_bytes sent 0 counted 1" \
	"$dir/sent" "$dir/dump"
expect "too many with roll-ups too" 3 "^192.0.2.77 domain 0" --rollup "$dir/sent" "$dir/dump"
dump $a $b address,2001:db8::1,4,7,700,7,700 >"$dir/dump"
expect "another domain" 3 "^2001:db8::1 domain 4" "$dir/sent" "$dir/dump"
dump address,192.0.2.1,0,5,500,1,101 $b $c >"$dir/dump"
expect "one byte more" 3 "^192.0.2.1 domain 0: rx_l3_bytes sent 100 counted 101$" \
	"$dir/sent" "$dir/dump"
dump $a $b $c $a >"$dir/dump"
expect "an address twice" 3 "repeat" "$dir/sent" "$dir/dump"
dump $a $b rollup,2001:db8::/32,3,7,700,7,700 >"$dir/dump"
expect "a roll-up makes up for it" 0 "differences 0" --rollup "$dir/sent" "$dir/dump"
expect "but not without --rollup" 3 "^2001:db8::/32 domain 3" "$dir/sent" "$dir/dump"
dump address,192.0.2.1,0,4,400,0,0 $c rollup,192.0.0.0/16,0,2,200,7,700 \
	rollup,0.0.0.0/0,0,1,100,0,0 >"$dir/dump"
expect "shared by record, /16 and /0" 0 "differences 0" --rollup "$dir/sent" "$dir/dump"
dump $a $b rollup,2001:db8::/32,3,7,701,7,700 >"$dir/dump"
expect "a roll-up of one byte more" 3 "^2001:db8::/32 domain 3: tx_l3_bytes sent 700 counted 701$" \
	--rollup "$dir/sent" "$dir/dump"
dump $a rollup,192.1.0.0/16,0,2,200,6,600 $c >"$dir/dump"
expect "a roll-up of another prefix" 3 "^192.1.0.0/16 domain 0" --rollup "$dir/sent" "$dir/dump"
dump $a rollup,::/0,0,2,200,6,600 $c >"$dir/dump"
expect "::/0 does not stand for IPv4" 3 "^::/0 domain 0" --rollup "$dir/sent" "$dir/dump"
dump address,192.0.2.1,0,6,600,1,100 $b $c address,3fff::1,0,0,0,1,100 >"$dir/dump"
expect "accounts of two generators" 0 "differences 0" "$dir/sent" "$dir/more" "$dir/dump"
expect "a file that is no dump" 1 "not a line" "$dir/sent" "$dir/sent"
expect "a file that is not there" 1 "No such file" "$dir/sent" "$dir/nothing"
exit $failed
