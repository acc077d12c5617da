#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Promises at the size that they are given with: kills, program updates, malformed frames, drops, slow clients,
# system calls that fail.
#
# usage: tests/promises.sh [P1] [P2] [P4] [P6] [P11] [P14] [--part SHARE] [--rate PPS] [--json FILE]     as root; --help
#
#   IPACCT_BUILD=DIR  a build to use (default: one in a temporary directory, removed)
#
# Exit status 1 at the first packet, octet or outcome that is not as it must be.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
exec "$here/with_build.sh" promises "$here/promises.py" "$@"
