#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests reached, from gcov's notes in a build with -Db_coverage=true.

usage: coverage.py BUILD TOP COMPLETE...

Prints lines and branches of each source file of TOP, and each branch never taken of the files COMPLETE,
which must have none; a line with "not reached: WHY" in a comment is excused. Exit 1 when one is missing.
A branch counts as taken when any object that holds the line took it."""

import collections
import json
import os
import re
import subprocess
import sys

EXCUSE = re.compile(r"not reached: \S")


def notes(build):
    for root, _, files in os.walk(build):
        for name in files:
            if name.endswith(".gcda"):
                yield os.path.join(root, name)


def reports(build):
    """gcov's JSON of every object, one after the other."""
    for path in notes(build):
        done = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", path],
                              cwd=build, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        for line in done.stdout.decode().splitlines():
            if line.strip():
                yield json.loads(line)


def collect(build, top):
    lines = collections.defaultdict(dict)     # file → line → how often
    branches = collections.defaultdict(dict)  # file → (line, number) → how often
    for report in reports(build):
        for file in report["files"]:
            path = os.path.realpath(os.path.join(build, file["file"]))
            if not path.startswith(top + os.sep):
                continue
            name = os.path.relpath(path, top)
            for line in file["lines"]:
                number = line["line_number"]
                lines[name][number] = lines[name].get(number, 0) + line["count"]
                for at, branch in enumerate(line["branches"]):
                    key = (number, at)
                    branches[name][key] = branches[name].get(key, 0) + branch["count"]
    return lines, branches


def percent(part, whole):
    return f"{100 * part / whole:5.1f}" if whole else "    -"


def row(name, lines, branches):
    reached = sum(count > 0 for count in lines.values())
    taken = sum(count > 0 for count in branches.values())
    return (f"{percent(reached, len(lines))} {reached:5}/{len(lines):<5} "
            f"{percent(taken, len(branches))} {taken:5}/{len(branches):<5} {name}")


def missing_of(name, top, branches):
    """Lines with a branch that was never taken and no excuse."""
    with open(os.path.join(top, name), encoding="utf-8") as file:
        source = file.read().splitlines()
    for number in sorted({line for (line, _), count in branches.items() if not count}):
        text = source[number - 1]
        if not EXCUSE.search(text) and not EXCUSE.search(source[max(number - 2, 0)]):
            yield number, text.strip()


def main():
    build, top, *complete = sys.argv[1:]
    top = os.path.realpath(top)
    lines, branches = collect(os.path.realpath(build), top)
    print("lines                branches")
    for name in sorted(lines):
        if name.startswith(("xdp/", "daemon/", "tools/")):
            print(row(name, lines[name], branches[name]))
    code = 0
    for name in complete:
        if name not in lines:
            print(f"{name}: no test runs it")
            code = 1
            continue
        for number, text in missing_of(name, top, branches[name]):
            print(f"{name}:{number}: a branch is never taken: {text}")
            code = 1
    return code


sys.exit(main())
