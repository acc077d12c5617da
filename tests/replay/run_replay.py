#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-replay on captures of every shape of the packet table.

usage: run_replay.py REPLAY MAKE_CORPUS OBJECT MUTANT... [--update] [PART OF A TEST'S NAME...]

Prints TAP. Tests that run the program need root and are skipped without it. --update writes the
stored outputs anew: read the difference before committing it."""

import os
import sys
import tempfile

from replay_common import run_all

with tempfile.TemporaryDirectory(prefix="ipacct-replay-") as directory:
    os.chdir(directory)
    # Tests run in the order in which they are read.
    import replay_proof  # noqa: F401  pylint: disable=unused-import  # makes the captures
    import replay_captures  # noqa: F401  pylint: disable=unused-import
    import replay_outputs  # noqa: F401  pylint: disable=unused-import
    CODE = run_all()
    os.chdir("/")
sys.exit(CODE)
