#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests reached, from gcov's notes in a build with -Db_coverage=true and no optimisation.

usage: coverage.py [--json] BUILD TOP

Prints lines and branches of each source file of TOP and their total, then the files that must be reached
whole (COMPLETE), and each branch of them that no test takes. Exit 1 when there is one, or when an excuse
(EXCUSES) does not fit any more.

A branch counts as taken when any object that holds its function took it."""

import collections
import json
import os
import subprocess
import sys

# The parser, and everything that adds counts of CPUs, epochs and tiers up until they are in a record.
COMPLETE = [
    "xdp/bpf/parse.h",
    "xdp/bpf/tunnel.h",
    "xdp/lib/batch.c",
    "xdp/lib/counters_math.h",
    "xdp/lib/epoch.c",
    "xdp/lib/epoch_hot.c",
    "xdp/lib/group_mask.c",
    "xdp/lib/hot_lines.h",
    "xdp/lib/ledger.h",
    "xdp/lib/live.c",
    "xdp/lib/live_again.c",
    "xdp/lib/live_book.c",
    "xdp/lib/live_book.h",
    "xdp/lib/live_hot.c",
    "xdp/lib/live_lists.c",
    "xdp/lib/live_lists.h",
    "xdp/lib/live_tiers.c",
    "xdp/lib/live_tiers.h",
    "xdp/lib/table.c",
    "xdp/lib/table.h",
    "daemon/clear.c",
    "daemon/cut.c",
    "daemon/cut_mask.c",
    "daemon/drain.c",
    "daemon/door.c",
    "daemon/drain_read.c",
    "daemon/fold.c",
    "daemon/ledger_version.h",
    "daemon/publish.c",
    "daemon/record_index.c",
]

# (file, line as it is written): (how many of its branches cannot be taken here, why)
EXCUSES = {
    ("xdp/lib/batch.c", "return end ? end : -EIO;"):
        (1, "a kernel that ends a batch without an error has read something"),
}

SHOWN = ("xdp/", "daemon/", "tools/")


class File:
    def __init__(self):
        self.lines = collections.Counter()     # line → how often
        self.branches = collections.Counter()  # (line, function, number) → how often

    def reached(self):
        return sum(count > 0 for count in self.lines.values())

    def taken(self):
        return sum(count > 0 for count in self.branches.values())

    def never(self):
        """line → the branches of it that were never taken: (function, number)."""
        found = collections.defaultdict(list)
        for (line, function, number), count in sorted(self.branches.items()):
            if not count:
                found[line].append((function, number))
        return found


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
    files = collections.defaultdict(File)
    for report in reports(build):
        for part in report["files"]:
            path = os.path.realpath(os.path.join(build, part["file"]))
            if not path.startswith(top + os.sep):
                continue
            file = files[os.path.relpath(path, top)]
            for line in part["lines"]:
                file.lines[line["line_number"]] += line["count"]
                for number, branch in enumerate(line["branches"]):
                    key = (line["line_number"], line.get("function_name", ""), number)
                    file.branches[key] += branch["count"]
    return files


def judge(name, top, file):
    """The excuses that were used (line, how many, why), and what is missing, as text."""
    with open(os.path.join(top, name), encoding="utf-8") as source:
        text_of = dict(enumerate((line.strip() for line in source), 1))
    excused, missing = [], []
    open_excuses = {text: EXCUSES[path, text] for path, text in EXCUSES if path == name}
    for line, branches in file.never().items():
        text = text_of[line]
        n_allowed, why = open_excuses.pop(text, (0, ""))
        if n_allowed == len(branches):
            excused.append((line, n_allowed, why))
            continue
        if n_allowed:
            missing.append(f"{name}:{line}: {len(branches)} branches are never taken, "
                           f"{n_allowed} excused: {text}")
            continue
        missing += [f"{name}:{line}: {function}(): branch {number} is never taken: {text}"
                    for function, number in branches]
    missing += [f"{name}: the excuse fits no line any more: {text}" for text in open_excuses]
    return excused, missing


def figures(file):
    return {"lines": len(file.lines), "lines_reached": file.reached(),
            "branches": len(file.branches), "branches_taken": file.taken()}


def sum_of(all_figures):
    total = collections.Counter()
    for each in all_figures:
        total.update(each)
    return dict(total)


def percent(part, whole):
    """Rounded down: 100.0 is all of it."""
    return f"{1000 * part // whole / 10:5.1f}" if whole else "    -"


def row(name, numbers):
    return (f"{percent(numbers['lines_reached'], numbers['lines'])} "
            f"{numbers['lines_reached']:6}/{numbers['lines']:<6} "
            f"{percent(numbers['branches_taken'], numbers['branches'])} "
            f"{numbers['branches_taken']:6}/{numbers['branches']:<6} {name}")


def verdict(files, top):
    """All that is to be said, as one object."""
    shown = {name: figures(files[name]) for name in sorted(files) if name.startswith(SHOWN)}
    whole, missing = {}, []
    for name in COMPLETE:
        if name not in files:
            missing.append(f"{name}: no test runs it")
            continue
        excused, lacks = judge(name, top, files[name])
        missing += lacks
        whole[name] = {**figures(files[name]), "excused": [
            {"line": line, "branches": n, "why": why} for line, n, why in excused]}
    return {
        "files": shown,
        "total": sum_of(shown.values()),
        "complete": whole,
        "complete_total": sum_of({key: value for key, value in numbers.items() if key != "excused"}
                                 for numbers in whole.values()),
        "excused": sum(each["branches"] for numbers in whole.values()
                       for each in numbers["excused"]),
        "missing": missing,
    }


def show_table(title, rows, total):
    print(f"{title}\nlines                 branches")
    for name, numbers in rows.items():
        print(row(name, numbers))
    if rows:
        print(row("total", total))
    print()


def show(said):
    show_table("all", said["files"], said["total"])
    show_table("parser and merge: each branch must be taken", said["complete"],
               said["complete_total"])
    for name, numbers in said["complete"].items():
        for excuse in numbers["excused"]:
            print(f"excused: {name}:{excuse['line']}: {excuse['branches']}: {excuse['why']}")
    for text in said["missing"]:
        print(f"missing: {text}")
    print(f"{len(said['missing'])} missing, {said['excused']} excused")


def main():
    args = [arg for arg in sys.argv[1:] if arg != "--json"]
    if len(args) != 2:
        sys.exit(__doc__)
    build, top = map(os.path.realpath, args)
    said = verdict(collect(build, top), top)
    if "--json" in sys.argv[1:]:
        print(json.dumps(said, indent=1))
    else:
        show(said)
    return 1 if said["missing"] else 0


sys.exit(main())
