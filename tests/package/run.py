#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the tests of packages, image and manifests: run.py [--list] [PART OF A NAME]..."""

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]

import tap  # noqa: E402  pylint: disable=wrong-import-position

for entry in sorted(os.listdir(HERE)):
    if entry.startswith("test_") and entry.endswith(".py"):
        importlib.import_module(entry[:-3])
sys.exit(tap.main(sys.argv[1:]))
