#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the end-to-end tests: run.py [OPTION]... [PART OF A NAME]...

--list           names alone
--side-by-side   two at a time: they share nothing but the machine
--without-hot    what promises exactness, once more with the LRU tier alone
--guest          what a guest of tests/vm runs; with --alone what it runs before the others"""

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import tap  # noqa: E402  pylint: disable=wrong-import-position

EXACTNESS = ("test_exact.py", "test_faults.py", "test_fold.py")

for entry in sorted(os.listdir(HERE)):
    if entry.startswith("test_") and entry.endswith(".py"):
        if "--without-hot" not in sys.argv or entry in EXACTNESS:
            importlib.import_module(entry[:-3])

if "--modules" in sys.argv:
    # What the VM runner has to carry into the guest.
    # Found by name at run time, when a file is opened with them.
    import encodings.ascii  # noqa: F401  pylint: disable=unused-import
    import encodings.idna  # noqa: F401  pylint: disable=unused-import
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and not path.startswith(HERE):
            print(path)
    sys.exit(0)
sys.exit(tap.main(sys.argv[1:]))
