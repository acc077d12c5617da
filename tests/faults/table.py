#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of faults from the TAP of a whole run: table.py FOLDER [--json]

FOLDER holds one file results.SUITE for each suite (tests/run.sh --table). Exit status 1 when a row
failed, or has no result though it should have one."""

import json
import os
import re
import sys

ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rows.tsv")
RESULT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$")


def rows():
    with open(ROWS, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                name, proof, fault, instead = line.rstrip("\n").split("\t")
                yield name, [one for one in proof.split("  ") if one not in ("", "-")], fault, instead


def results(folder):
    """[kernel, "suite: text", outcome, first note] of every test that ran."""
    found = []
    for entry in sorted(os.listdir(folder)):
        if not entry.startswith("results."):
            continue
        suite = entry[len("results."):]
        note_of = None
        with open(os.path.join(folder, entry), encoding="utf-8", errors="replace") as lines:
            for line in lines:
                match = RESULT.match(line)
                if match:
                    outcome = "failed" if match[1] else "skipped" if "# SKIP" in line else "passed"
                    guest = re.match(r"(\d[\w.]*): ", match[2]) if suite == "vm" else None
                    text = re.sub(r" \(\d+\.\d s\)$", "", match[2])
                    note_of = [guest[1] if guest else os.uname().release, f"{suite}: {text}",
                               outcome, ""]
                    found.append(note_of)
                elif line.startswith("# ") and "guest clock" in line:
                    note_of = None
                elif line.startswith("# ") and note_of and not note_of[3]:
                    note_of[3] = line[2:].strip()
    return found


def judge(name, proof, instead, everything):
    """One row as a dict."""
    own = re.compile(rf"(^|\W){re.escape(name)} ")
    mine = [one for one in everything
            if own.search(one[1]) or any(re.search(pattern, one[1]) for pattern in proof)]
    outcomes = {outcome for _, _, outcome, _ in mine}
    if "failed" in outcomes:
        result = "FAILED"
    elif "passed" in outcomes:
        result = "passed"
    elif mine:
        result = "skipped"
    else:
        result = "NO RESULT" if instead == "-" else "not here"
    return {"name": name, "result": result, "tests": len(mine),
            "kernels": sorted({kernel for kernel, *_ in mine}),
            "figure": next((note for _, _, outcome, note in mine
                            if note and outcome == "passed"), ""),
            "else": "" if instead == "-" else instead}


def main(folder, as_json):
    everything = results(folder)
    table = [dict(judge(name, proof, instead, everything), fault=fault)
             for name, proof, fault, instead in rows()]
    if as_json:
        print(json.dumps(table, indent=1))
    else:
        print(f"{'NAME':<18} {'RESULT':<10} {'TESTS':>5}  {'KERNEL':<20} FIGURE")
        for row in table:
            figure = row["figure"] or row["else"] or row["fault"]
            print(f"{row['name']:<18} {row['result']:<10} {row['tests']:>5}  "
                  f"{', '.join(row['kernels']) or '-':<20} {figure}")
        count = {result: sum(row["result"] == result for row in table)
                 for result in ("passed", "FAILED", "skipped", "NO RESULT", "not here")}
        print("faults: " + ", ".join(f"{n} {result}" for result, n in count.items()) +
              f", of {len(table)}")
    return 1 if any(row["result"] in ("FAILED", "NO RESULT") for row in table) else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], "--json" in sys.argv))
