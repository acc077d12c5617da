#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn meson's testlog.json into one TAP stream: meson_tap.py LABEL < testlog.json

A program that speaks TAP gives its own results; one that does not is one result; one that failed
without a failed result of its own (crash, time limit) becomes a failed result, and so does one with a leak:
Criterion does not look at how the process of a test ended that had passed."""

import json
import re
import sys

LEAK = "LeakSanitizer: detected memory leaks"
RESULT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$")


def results(record):
    """(ok, description, diagnostics) of one test program."""
    found = []
    for line in record.get("stdout", "").splitlines():
        match = RESULT.match(line.strip())
        if match:
            found.append([not match[1], match[2], []])
        elif found and not found[-1][0]:
            found[-1][2].append(line)
    return found


def main(label):
    number = 0

    def emit(good, text, notes):
        nonlocal number
        number += 1
        print(f"{'ok' if good else 'not ok'} {number} - {label}{text}")
        for note in notes:
            print("# " + note)

    for line in sys.stdin:
        record = json.loads(line)
        name = record["name"].split(":")[-1].split(" / ")[-1]
        outcome = record["result"]
        found = results(record)
        for good, text, notes in found:
            emit(good, f"{name}: {text}", notes)
        said = (record.get("stdout", "") + record.get("stderr", "")).splitlines()
        tail = said[-40:]
        leaks = [at for at, text in enumerate(said) if LEAK in text]
        if leaks:
            emit(False, f"{name}: memory leaks", said[leaks[0]:leaks[0] + 40])
        if outcome == "SKIP" and not found:
            why = re.search(r"#\s*SKIP\s*(.*)", record.get("stdout", ""))
            emit(True, f"{name} # SKIP {why[1] if why else ' '.join(tail[-1:])}", [])
        elif outcome in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"):
            if all(good for good, _, _ in found):
                emit(False, f"{name}: {outcome.lower()}, exit status {record['returncode']}", tail)
            elif record.get("stderr"):
                print("\n".join("# " + text for text in record["stderr"].splitlines()[-40:]))
        elif not found and not leaks:
            emit(True, name, [])
    print(f"1..{number}")


main(sys.argv[1] if len(sys.argv) > 1 else "")
