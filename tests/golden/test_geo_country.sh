#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# deploy/geo/country-from-tor.sh on sources written here: what it answers, and what it refuses.
#
# usage: test_geo_country.sh; prints TAP
set -uo pipefail

script=$(cd "$(dirname "$0")/../../deploy/geo" && pwd)/country-from-tor.sh
work=$(mktemp -d /tmp/ipacct-country.XXXXXX)
trap 'rm -rf "$work"' EXIT
number=0
failed=0
cd "$work" || exit 1

result() { # CONDITION'S-EXIT-CODE NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		[ ! -s out ] || sed 's/^/# /' out
		failed=1
	fi
}

# The format of tor-geoipdb. RFC 5737 and RFC 3849 addresses; no range is one CIDR block.
sources() {
	mkdir -p source
	cat >source/geoip <<-'END'
		# Generated: Thu, 01 Jan 2026 00:00:00 GMT
		# Vendor:    Test Vendor
		# License:   CC BY-SA 4.0
		3221225985,3221225990,DE
		3221225991,3221225991,??
		3325256705,3325256710,AT
		3405803776,3405804031,ZZ
		4294967295,4294967295,US
	END
	cat >source/geoip6 <<-'END'
		# Vendor:    Test Vendor
		2001:db8::1,2001:db8::6,NL
		2001:db8:1::,2001:db8:3:ffff:ffff:ffff:ffff:ffff,XX
		3fff::,3fff::ffff,??
	END
}

convert() {
	"$script" --source source db/country.mmdb >out 2>&1
}

answers() { # ADDRESS CODE|none
	local got
	got=$(mmdblookup --file db/country.mmdb --ip "$1" country iso_code 2>/dev/null |
		sed -n 's/^ *"\(.*\)" <utf8_string>$/\1/p')
	[ "${got:-none}" = "$2" ] || { echo "$1 is in '${got:-none}', not $2" >out; return 1; }
}

# refuses NAME: the conversion fails, and the database of before is still there, alone.
refuses() {
	local before
	before=$(sha256sum <db/country.mmdb)
	! convert && [ "$(sha256sum <db/country.mmdb)" = "$before" ] &&
		[ "$(ls db)" = country.mmdb ]
	result $? "$1"
}

if ! "$script" --check 2>out; then
	echo "1..0 # SKIP $(cat out)"
	exit 0
fi

sources
convert && grep -q "5 addresses of the source" out
result $? "a source becomes a database that was checked"
answers 192.0.2.0 none && answers 192.0.2.1 DE && answers 192.0.2.6 DE && answers 192.0.2.7 none &&
	answers 198.51.100.1 AT && answers 255.255.255.255 US && answers 2001:db8::1 NL &&
	answers 2001:db8::6 NL && answers 2001:db8::7 none && answers 2001:db8:2::1 XX
result $? "ranges begin and end where the source says"
answers 203.0.113.5 none && answers 3fff::5 none
result $? "what the source does not know is in no country"
mmdblookup --file db/country.mmdb --ip 192.0.2.1 country names en 2>&1 | tee out | grep -q '"Germany"'
result $? "a country has its name"
mmdblookup --verbose --file db/country.mmdb --ip 192.0.2.1 >out 2>&1
grep -q "Test Vendor" out && grep -q "CC BY-SA 4.0" out && grep -q "Thu, 01 Jan 2026" out
result $? "the database says whose it is and under which licence"

for line in "1,2" "1,2,de" "2,1,DE" "1,4294967296,DE" "1,2,DE,x" "1.0.0.0,1.0.0.1,DE"; do
	sources
	echo "$line" >>source/geoip
	refuses "IPv4 line '$line' is refused"
done
for line in "::2,::1,DE" ":::,::1,DE" "1,2,DE" "::1,::2,DEU"; do
	sources
	echo "$line" >>source/geoip6
	refuses "IPv6 line '$line' is refused"
done
sources
sed -i /License/d source/geoip
refuses "a source without a licence is refused"
sources
grep '^#' source/geoip6 >source/none && mv source/none source/geoip6
refuses "a source without ranges is refused"
rm source/geoip6
refuses "a missing file is refused"

echo "1..$number"
exit $failed
