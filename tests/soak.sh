#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kills, upgrades, reloads, other groups, domains and databases, flaps, floods and readers at random under
# traffic, on every set of hooks, with and without the hot tier, for as long as asked.
#
# usage: tests/soak.sh [--minutes M] [--seed N] [--json FILE]     as root; default: 60 minutes
#
#   IPACCT_BUILD=DIR  a build to use (default: one in a temporary directory, removed)
#
# Exit status 1 at the first packet or octet that is not where it was sent.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
exec "$here/with_build.sh" soak "$here/soak.py" "$@"
