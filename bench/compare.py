#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare two runs of the bench.

usage: compare.py [--threshold PCT] [--all] OLD NEW

OLD and NEW are files that bench/run.sh --json wrote. Exit status: 1 when a figure of NEW is worse, 2 on
wrong usage or a damaged file, else 0.

What is compared:
  a figure with a baseline   its ratio, on any machine
  one without                its value, only when both runs are of one machine (kernel, CPU, number of
                             CPUs, compiler), after division by how much slower the machine as a whole
                             was: the median over all such figures
  a share or a loss          its value, on any machine
Worse means: by more than PCT percent (default 10) and by more than the noise of both runs. The noise
of a median comes from the range of its n samples: range / d2(n) is the standard deviation, 1.25 / √n of
it that of the median, and two of those are allowed. A time of one sample is shown and not judged."""

import json
import math
import sys

FINGERPRINT = ("kernel", "cpu", "cpus", "compiler")
LOWER = {"ns/packet", "ns/call", "ns/key", "ns/address", "ms", "% of a core", "MiB"}
HIGHER = {"M entries/s", "M packets/CPU s"}
SHARES = {"% on own address"}  # of 100: what is missing is judged
LOSSES = {"% of updates", "% of frames", "packets and octets", "calls"}
FACTS = {"entries", "cuts", "s", "M packets"}  # neither good nor bad
POINTS = 0.01  # percentage points below which a share or a loss is the same
# Mean range of n samples of a normal distribution, in standard deviations (L. H. C. Tippett, 1925).
D2 = ((2, 1.128), (3, 1.693), (5, 2.326), (7, 2.704), (10, 3.078), (15, 3.472), (20, 3.735),
      (50, 4.498), (100, 5.015), (500, 6.073), (1000, 6.483))
BASELINES = {"bare", "drop", "lru_percpu_hash", "lru_percpu_hash_u32", "percpu_hash",
             "lru_percpu_hash_batch", "lru_percpu_hash_per_key"}
KEYS = {"name", "value", "unit", "n", "min", "max", "baseline", "ratio"}
NUMBERS = ("value", "n", "min", "max")


class Damaged(Exception):
    """A file that is no run of the bench; the text names file and line."""


def line_check(where, line):
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Damaged(f"{where}: {error}") from error
    if not isinstance(record, dict):
        raise Damaged(f"{where}: not an object")
    if "machine" in record:
        return record
    missing = KEYS - record.keys()
    if missing:
        raise Damaged(f"{where}: no {', '.join(sorted(missing))}")
    if any(isinstance(record[key], bool) or not isinstance(record[key], (int, float))
           for key in NUMBERS):
        raise Damaged(f"{where}: a figure that is no number")
    if record["unit"] not in LOWER | HIGHER | SHARES | LOSSES | FACTS:
        raise Damaged(f"{where}: unit '{record['unit']}' is not known")
    return record


def read(path):
    """The machine record and the figures by name."""
    machine, figures = None, {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            record = line_check(f"{path}:{number}", line)
            if "machine" in record:
                machine = record["machine"]
            elif record["name"] in figures:
                raise Damaged(f"{path}:{number}: '{record['name']}' a second time")
            else:
                figures[record["name"]] = record
    if machine is None:
        raise Damaged(f"{path}: no machine record")
    return machine, figures


def d2(n):
    """Between the rows of the table by the logarithm of n."""
    if n >= D2[-1][0]:
        return D2[-1][1]
    for (low, at_low), (high, at_high) in zip(D2, D2[1:]):
        if n <= high:
            share = math.log(max(n, low) / low) / math.log(high / low)
            return at_low + share * (at_high - at_low)
    return D2[-1][1]


def noise(median, low, high, n):
    """Two standard deviations of a median, relative to it."""
    if n < 2 or not median:
        return 0.0
    return 2 * 1.2533 * (high - low) / d2(n) / math.sqrt(n) / abs(median)


def worse(unit, old, new):
    """By which share of old the new one is worse; negative: better."""
    if not old:
        return 0.0 if not new else math.inf
    return (old - new) / old if unit in HIGHER else (new - old) / old


class Row:
    """One figure of both runs."""

    def __init__(self, name, kind, old, new, change, band):
        self.name, self.kind, self.old, self.new = name, kind, old, new
        self.change, self.band = change, band
        self.judged = True

    def is_worse(self, threshold):
        return self.judged and self.change > threshold and self.change > self.band

    def is_better(self, threshold):
        return self.judged and -self.change > threshold and -self.change > self.band

    def text(self, verdict):
        change = "new" if math.isinf(self.change) else f"{100 * self.change:+.1f} %"
        return (f"{self.name:<48} {self.kind:<6} {self.old:>11.5g} {self.new:>11.5g} {change:>9} "
                f"± {100 * self.band:<6.1f} {verdict}")


def share_row(name, old, new, threshold):
    """Shares and losses in points: what is missing may grow by the threshold, or by POINTS."""
    was, now = old["value"], new["value"]
    if old["unit"] in SHARES:
        was, now = 100 - was, 100 - now
    allowed = 0 if old["unit"] in {"packets and octets", "calls"} else max(POINTS, was * threshold)
    row = Row(name, "share", old["value"], new["value"],
              (now - was) / was if was else math.inf if now > 0 else 0.0, 0.0)
    row.judged = abs(now - was) > allowed
    return row


def ratio_row(name, old, new):
    bands = [noise(run["ratio"], run.get("ratio_min", run["ratio"]),
                   run.get("ratio_max", run["ratio"]), run["n"]) for run in (old, new)]
    row = Row(name, "ratio", old["ratio"], new["ratio"],
              worse(old["unit"], old["ratio"], new["ratio"]), math.hypot(*bands))
    row.judged = old["baseline"] == new["baseline"] and min(old["n"], new["n"]) > 1
    return row


def value_row(name, old, new, drift):
    unit = old["unit"]
    expected = old["value"] / drift if unit in HIGHER else old["value"] * drift
    bands = [noise(run["value"], run["min"], run["max"], run["n"]) for run in (old, new)]
    row = Row(name, "value", old["value"], new["value"],
              worse(unit, expected, new["value"]), math.hypot(*bands))
    row.judged = min(old["n"], new["n"]) > 1
    return row


def plain_times(old, new):
    """Names of times and rates without a baseline in either run."""
    return [name for name in old if name in new and old[name]["unit"] in LOWER | HIGHER and
            old[name]["unit"] == new[name]["unit"] and
            (old[name]["ratio"] is None or new[name]["ratio"] is None)]


def slower(unit, old, new):
    """How many times as long the same took; rates the other way round."""
    return old / new if unit in HIGHER else new / old


def drift_of(old, new):
    """How many times as slow the machine was in the second run; MiB do not depend on that."""
    factors = sorted(slower(old[name]["unit"], old[name]["value"], new[name]["value"])
                     for name in plain_times(old, new)
                     if old[name]["value"] > 0 and new[name]["value"] > 0 and
                     old[name]["unit"] != "MiB")
    return factors[len(factors) // 2] if factors else 1.0


def is_baseline(name):
    """What others do: it tells how fast the machine is, and is not ours to judge."""
    return not BASELINES.isdisjoint(name.split("/"))


def rows_of(old, new, same_machine, threshold):
    drift = drift_of(old, new) if same_machine else 1.0
    for name in old:
        if name not in new or old[name]["unit"] != new[name]["unit"]:
            continue
        before, after = old[name], new[name]
        if before["unit"] in FACTS or (before["ratio"] is None and is_baseline(name)):
            continue
        if before["unit"] in SHARES | LOSSES:
            yield share_row(name, before, after, threshold)
        elif before["ratio"] is not None and after["ratio"] is not None:
            if not is_baseline(name) or "/hot" in name:
                yield ratio_row(name, before, after)
        elif same_machine:
            yield value_row(name, before, after, 1.0 if before["unit"] == "MiB" else drift)


def compare(old_path, new_path, threshold, show_all):
    old_machine, old = read(old_path)
    new_machine, new = read(new_path)
    same = all(old_machine.get(key) == new_machine.get(key) for key in FINGERPRINT)
    rows = list(rows_of(old, new, same, threshold))
    n_worse = 0
    print(f"{'figure':<48} {'what':<6} {'old':>11} {'new':>11} {'worse by':>9}   noise")
    for row in rows:
        verdict = ""
        if row.is_worse(threshold):
            verdict = "WORSE"
            n_worse += 1
        elif row.is_better(threshold):
            verdict = "better"
        if verdict or show_all:
            print(row.text(verdict))
    for label, names in (("only in old", old.keys() - new.keys()),
                         ("only in new", new.keys() - old.keys())):
        if names:
            print(f"# {label}: {len(names)}")
    if same:
        print(f"# one machine; the second run was {drift_of(old, new):.2f} times as slow as a whole")
    else:
        print("# two machines: values without a baseline are not compared")
    print(f"# {len(rows)} figures compared, {n_worse} worse by more than {100 * threshold:g} %")
    if not rows:
        raise Damaged("the two runs have no figure in common")
    return 1 if n_worse else 0


def usage():
    print(__doc__.split("\n\n")[1], file=sys.stderr)
    return 2


def main(arguments):
    threshold, show_all, paths = 0.10, False, []
    while arguments:
        argument = arguments.pop(0)
        if argument in ("-h", "--help"):
            print(__doc__)
            return 0
        if argument == "--all":
            show_all = True
        elif argument == "--threshold" and arguments:
            try:
                threshold = float(arguments.pop(0)) / 100
            except ValueError:
                return usage()
            if not 0 <= threshold < 10:
                return usage()
        elif argument.startswith("-"):
            return usage()
        else:
            paths.append(argument)
    if len(paths) != 2:
        return usage()
    try:
        return compare(*paths, threshold, show_all)
    except (OSError, UnicodeDecodeError, Damaged) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
