#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench/compare.py and bench/report.py on runs that are written here, line by line.

usage: run_compare.py BENCH_DIRECTORY

Prints TAP."""

import json
import os
import subprocess
import sys
import tempfile

BENCH = os.path.abspath(sys.argv[1])
MACHINE = {"kernel": "Linux 6.1", "cpu": "A", "cpus": 2, "compiler": "cc 12", "date": "today"}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def figure(name, value, unit="ns/packet", spread=0.01, n=7, ratio=None, baseline=None):
    """One figure; spread is half the range of its samples, and of its ratios, relative."""
    record = {"name": name, "value": value, "unit": unit, "n": n, "min": value * (1 - spread),
              "max": value * (1 + spread), "baseline": baseline, "ratio": ratio}
    if ratio is not None:
        record["ratio_min"], record["ratio_max"] = ratio * (1 - spread), ratio * (1 + spread)
    return record


def hot(ratio, spread=0.01, value=40.0):
    return figure("updates/v4/1cpu/1k/hot", value, ratio=ratio, baseline="lru_percpu_hash",
                  spread=spread)


def write(name, *figures, machine=None):
    with open(name, "w", encoding="utf-8") as file:
        file.write(json.dumps({"machine": MACHINE if machine is None else machine}) + "\n")
        for record in figures:
            file.write(json.dumps(record) + "\n")


def run(*args, program="compare.py"):
    return subprocess.run([sys.executable, "-B", os.path.join(BENCH, program), *args], timeout=30,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def expect(code, old, new, *args, machine=None, says=""):
    write("old", *old)
    write("new", *new, machine=machine)
    done = run(*args, "old", "new")
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    assert says in done.stdout, f"'{says}' is not in: {done.stdout}"


@test
def equal_runs_are_good():
    expect(0, [hot(0.5)], [hot(0.5)], says="1 figures compared, 0 worse")


@test
def a_worse_ratio_is_a_regression_on_any_machine():
    expect(1, [hot(0.5)], [hot(0.6)], says="WORSE")
    expect(1, [hot(0.5)], [hot(0.6)], machine={**MACHINE, "cpu": "B"}, says="WORSE")


@test
def a_better_ratio_is_none():
    expect(0, [hot(0.5)], [hot(0.3)], says="better")


@test
def the_threshold_is_a_limit():
    expect(0, [hot(0.5)], [hot(0.549)])
    expect(1, [hot(0.5)], [hot(0.551)])
    expect(0, [hot(0.5)], [hot(0.6)], "--threshold", "25")
    expect(1, [hot(0.5)], [hot(0.6)], "--threshold", "15")


@test
def what_the_noise_covers_is_none():
    # range 2 * 0.3, d2(7) = 2.704: 2 * 1.2533 * 0.6 / 2.704 / sqrt(7) = 21 % of each, 30 % of both
    expect(0, [hot(0.5, spread=0.3)], [hot(0.64, spread=0.3)])
    expect(1, [hot(0.5, spread=0.3)], [hot(0.66, spread=0.3)], says="WORSE")


@test
def a_rate_is_worse_when_it_falls():
    def rate(ratio):
        return figure("reading/64k/hot_mmap/scan", 200, "M entries/s", ratio=ratio,
                      baseline="lru_percpu_hash_batch")

    expect(1, [rate(50)], [rate(40)], says="WORSE")
    expect(0, [rate(40)], [rate(50)], says="better")


@test
def values_count_on_one_machine_only():
    old = [figure("cut/64k/hot/wall", 10, "ms"), figure("micro/mix64", 4, "ns/call"),
           figure("ledger/64k/fold", 20, "ns/key")]
    new = [figure("cut/64k/hot/wall", 20, "ms"), *old[1:]]
    expect(1, old, new, says="WORSE")
    expect(0, [*old, hot(0.5)], [*new, hot(0.5)], machine={**MACHINE, "kernel": "Linux 6.18"},
           says="two machines")


@test
def a_machine_that_is_slower_as_a_whole_is_none():
    names = ("micro/mix64", "ledger/64k/fold", "datapath/v4/1cpu/1k/drop", "cut/64k/hot/wall")
    old = [figure(name, 10, "ns/call") for name in names]
    new = [figure(name, 17, "ns/call") for name in names]
    expect(0, old, new, says="1.70 times as slow")
    new[3] = figure(names[3], 25, "ns/call")
    expect(1, old, new, says="WORSE")


@test
def a_baseline_is_not_ours_to_judge():
    old = [figure("micro/mix64", 4), figure("datapath/v4/1cpu/1k/lru_percpu_hash", 60, ratio=6,
                                            baseline="drop"), figure("shape/v4", 9)]
    new = [old[0], figure("datapath/v4/1cpu/1k/lru_percpu_hash", 90, ratio=9, baseline="drop"),
           old[2]]
    expect(0, old, new)


@test
def one_sample_has_no_noise_and_is_not_judged():
    expect(0, [figure("ledger/64k/first", 100, "ns/key", n=1), hot(1)],
           [figure("ledger/64k/first", 300, "ns/key", n=1), hot(1)])


@test
def a_share_is_judged_by_what_is_missing():
    def own(value):
        return figure("honest/5000/40pps/own", value, "% on own address", n=1)

    expect(0, [own(99.999)], [own(99.99)])
    expect(1, [own(99.999)], [own(99.98)], says="WORSE")
    expect(0, [own(54.0)], [own(51.0)])
    expect(1, [own(54.0)], [own(48.0)], says="WORSE")
    expect(1, [own(99.999)], [own(99.98)], machine={**MACHINE, "cpu": "B"}, says="WORSE")


@test
def one_lost_packet_is_a_regression():
    def lost(value):
        return figure("loss/mix/hot/lost", value, "packets and octets", n=1)

    expect(0, [lost(0)], [lost(0)])
    expect(1, [lost(0)], [lost(1)], says="WORSE")


@test
def figures_of_one_run_only_are_told():
    expect(0, [hot(0.5), figure("shape/v4", 9)], [hot(0.5)], says="only in old: 1")
    expect(0, [hot(0.5)], [hot(0.5), figure("shape/v4", 9)], says="only in new: 1")


def refused(text, says):
    write("old", hot(0.5))
    with open("new", "w", encoding="utf-8") as file:
        file.write(text)
    for args in (("old", "new"), ("new", "old")):
        done = run(*args)
        assert done.returncode == 2, f"exit {done.returncode}: {done.stdout}"
        assert says in done.stderr, f"'{says}' is not in: {done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr


@test
def a_damaged_file_is_refused_with_its_line():
    machine = json.dumps({"machine": MACHINE}) + "\n"
    good = json.dumps(hot(0.5)) + "\n"
    refused(good, "no machine record")
    refused(machine, "no figure in common")
    refused(machine + good[:40], "new:2")
    refused(machine + good + good, "a second time")
    refused(machine + "[]\n", "not an object")
    refused(machine + "{}\n", "no baseline")
    refused(machine + good.replace("ns/packet", "furlongs"), "unit 'furlongs'")
    refused(machine + good.replace("40.0", '"x"'), "no number")


@test
def wrong_usage_is_two():
    write("old", hot(0.5))
    for args in ((), ("old",), ("old", "old", "old"), ("--threshold", "x", "old", "old"),
                 ("--threshold", "-1", "old", "old"), ("--nonsense", "old", "old"),
                 ("old", "absent")):
        done = run(*args)
        assert done.returncode == 2, f"{args}: exit {done.returncode}"
        assert done.stderr and "Traceback" not in done.stderr, done.stderr


@test
def the_report_says_what_was_reached():
    write("old", hot(0.14), figure("floor/v4/1k/hot", 30, ratio=2.5, baseline="drop"),
          figure("micro/mix64", 4, "ns/call"))
    done = run("old", "report.md", program="report.py")
    assert done.returncode == 0, done.stderr
    with open("report.md", encoding="utf-8") as file:
        lines = file.read().splitlines()
    said = {words: next(line for line in lines if line.startswith(f"| {words}"))
            for words in ("two updates", "whole program", "two CPUs")}
    assert said["two updates"].endswith("| reached |"), said
    assert said["whole program"].endswith("| **not reached** |"), said
    assert said["two CPUs"].endswith("| not measured |"), said
    assert any("micro/mix64" in line for line in lines)


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, function in enumerate(TESTS, 1):
        with tempfile.TemporaryDirectory(prefix="ipacct-compare.") as directory:
            os.chdir(directory)
            try:
                function()
                print(f"ok {number} - {function.__name__}")
            except Exception as error:  # every failure is told the same way
                failed += 1
                print(f"not ok {number} - {function.__name__}")
                print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# "))
            os.chdir("/")
    return failed != 0


sys.exit(main())
