#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run a long test with IPACCT_BUILD: the one that is given, else one of its own, removed after it.
#
# usage: tests/with_build.sh NAME PROGRAM [ARGUMENT...]     soak.sh and promises.sh do
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=$1
shift
scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT
if [ -z "${IPACCT_BUILD:-}" ]; then
	scratch=$(mktemp -d "/tmp/ipacct-$name.XXXXXX")
	chmod 0755 "$scratch"
	if ! { meson setup "$scratch/build" "$here/.." && ninja -C "$scratch/build"; } >"$scratch/log" 2>&1; then
		tail -n 40 "$scratch/log"
		exit 1
	fi
	export IPACCT_BUILD=$scratch/build
fi
/usr/bin/python3 -B "$@"
