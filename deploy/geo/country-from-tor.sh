#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A country database without an account: Debian's tor-geoipdb as a MaxMind DB, in seconds.
#
# usage: deploy/geo/country-from-tor.sh [--source DIR] [--check] [OUTPUT]
#
#   OUTPUT        default: /var/lib/ipacct/geo/country.mmdb; replaced by a rename when it is complete
#   --source DIR  take DIR/geoip and DIR/geoip6; without it those of an installed tor-geoipdb, else
#                 the package is fetched with apt-get and unpacked (not installed: it would bring tor)
#   --check       say which packages are missing, and end: exit 1 when any is
#
# Needs libmaxmind-db-writer-perl and mmdb-bin. The data are the IPFire Location database, CC BY-SA 4.0.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
output=/var/lib/ipacct/geo/country.mmdb
source=
check_only=false
n_samples=200 # of the ranges themselves, beside the addresses below
work=

die() {
	printf 'country-from-tor: %s\n' "$*" >&2
	exit 1
}

missing_packages() {
	perl -MMaxMind::DB::Writer::Tree -e 1 2>/dev/null || echo libmaxmind-db-writer-perl
	command -v mmdblookup >/dev/null || echo mmdb-bin
}

clean_up() {
	[ -z "$work" ] || rm -rf "$work"
	rm -f "$output.new"
}

# Sets source to a directory with both files.
find_source() {
	[ -z "$source" ] || return 0
	source=/usr/share/tor
	[ ! -e "$source/geoip" ] || [ ! -e "$source/geoip6" ] || return 0
	echo "fetching tor-geoipdb"
	# apt drops its privilege for the download; it may enter this directory
	chmod 0755 "$work"
	(cd "$work" && apt-get download tor-geoipdb >apt.log 2>&1) || {
		cat "$work/apt.log" >&2
		die "apt-get cannot fetch tor-geoipdb (apt-get update first?)"
	}
	dpkg-deb -x "$work"/tor-geoipdb_*.deb "$work/package"
	source=$work/package/usr/share/tor
}

# country_of DATABASE ADDRESS: its code, nothing when there is none.
country_of() {
	mmdblookup --file "$1" --ip "$2" country iso_code 2>/dev/null |
		sed -n 's/^ *"\([A-Z]*\)" <utf8_string>$/\1/p'
}

expect() { # DATABASE ADDRESS CODE
	local got
	got=$(country_of "$1" "$2") || got=
	[ "$got" = "$3" ] || die "the new database says '$got' for $2, not $3: not used"
}

# First address and country of some ranges, spread over both files.
samples() {
	local file
	for file in "$source/geoip" "$source/geoip6"; do
		awk -F, -v want=$((n_samples / 2)) '
			BEGIN { n = 0 }
			/^[0-9a-f]/ && $3 ~ /^[A-Z][A-Z]$/ && $3 != "ZZ" { address[n] = $1; code[n++] = $3 }
			END {
				step = n > want ? n / want : 1
				for (i = 0; int(i) < n; i += step) {
					a = address[int(i)]
					if (a !~ /:/)
						a = sprintf("%d.%d.%d.%d", a / 16777216, a / 65536 % 256,
							a / 256 % 256, a % 256)
					print a, code[int(i)]
				}
			}' "$file"
	done
}

check_database() { # DATABASE
	local address code n=0
	while read -r address code; do
		expect "$1" "$address" "$code"
		n=$((n + 1))
	done < <(samples)
	[ "$n" -gt 0 ] || die "nothing to compare the new database with: not used"
	echo "checked with mmdblookup: $n addresses of the source"
}

# Addresses whose country everybody knows: the file is not of another planet.
check_known() { # DATABASE
	expect "$1" 8.8.8.8 US           # Google
	expect "$1" 193.0.6.139 NL       # RIPE NCC
	expect "$1" 2001:67c:2e8:22::1 NL # RIPE NCC
	echo "checked with mmdblookup: 8.8.8.8 US, 193.0.6.139 and 2001:67c:2e8:22::1 NL"
}

known=true
while [ $# -gt 0 ]; do
	case $1 in
	--source) source=${2:?--source needs a directory}; shift ;;
	--check) check_only=true ;;
	--help | -h) sed -n '3,14s/^# \{0,1\}//p' "$0"; exit ;;
	-*) sed -n '3,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	*) output=$1 ;;
	esac
	shift
done
export LC_ALL=C.UTF-8
missing=$(missing_packages | tr '\n' ' ')
[ -z "$missing" ] || die "packages are missing: ${missing% }"
! $check_only || exit 0

work=$(mktemp -d)
trap clean_up EXIT
[ -z "$source" ] || known=false # whatever it is, it is what was asked for
find_source
mkdir -p "$(dirname "$output")"
perl "$here/tor-geoip-to-mmdb.pl" "$source/geoip" "$source/geoip6" "$output.new" || die "not converted"
check_database "$output.new"
! $known || check_known "$output.new"
chmod 0644 "$output.new"
mv -f "$output.new" "$output"
echo "made $output: $(stat -c %s "$output") octets"
