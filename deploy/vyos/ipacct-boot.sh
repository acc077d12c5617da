#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# VyOS: start ipacct at boot, and install it again after `add system image`, which keeps nothing but
# /config. To be called by /config/scripts/vyos-postconfig-bootup.script.
#
#   /config/ipacct/*.deb          ours and what they depend on
#   /config/ipacct/ipacct.yaml    the configuration
set -eu

keep=${1:-/config/ipacct}
override=/etc/systemd/system/ipacctd.service.d/vyos.conf

# Each package that is not installed in this very version; dpkg sorts out the order.
missing() {
	for file in "$keep"/*.deb; do
		name=$(dpkg-deb -f "$file" Package)
		version=$(dpkg-deb -f "$file" Version)
		state=$(dpkg-query -W -f '${Status} ${Version}' "$name" 2>/dev/null || true)
		[ "$state" = "install ok installed $version" ] || printf '%s\n' "$file"
	done
}

[ -e "$keep/ipacct.yaml" ] || {
	echo "ipacct: there is no $keep/ipacct.yaml" >&2
	exit 1
}
files=$(missing)
if [ -n "$files" ]; then
	# shellcheck disable=SC2086  # names of packages have no spaces
	DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold $files
fi

# The file under /config is the one to edit; `systemctl reload ipacctd` reads it again.
mkdir -p "${override%/*}"
cat >"$override" <<END
[Service]
ExecStart=
ExecStart=/usr/sbin/ipacctd -c $keep/ipacct.yaml --bpffs /run/ipacct/bpf
END
systemctl daemon-reload
systemctl start ipacctd
