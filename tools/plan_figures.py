#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of the stored bench as a table for ipacctctl plan: plan_figures.py BASELINE.jsonl >HEADER."""

import json
import re
import sys

LOADS = ("one", "1k", "16k", "64k", "256k", "512k", "1m", "flood")


def main(path):
    machine, values = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            machine = entry.get("machine", machine)
            values[entry.get("name")] = entry.get("value")
    cpu = re.sub(r"\s+", " ", machine["cpu"])
    kernel = machine["kernel"].split("-")[0]
    where = f"{cpu}, {machine['cpus']} CPUs, {kernel}, {machine['date'][:10]}"
    print(f"#define PLAN_MEASURED_ON {json.dumps(where)}")
    print("/* ns a packet, [IPv6][load], of the whole program in BPF_PROG_TEST_RUN on one CPU */")
    for tier in ("hot", "lru"):
        print(f"static const double plan_ns_{tier}[2][{len(LOADS)}] = {{")
        for family in ("v4", "v6"):
            row = ", ".join(str(values[f"datapath/{family}/1cpu/{load}/{tier}"]) for load in LOADS)
            print(f"\t{{ {row} }},")
        print("};")
    for tier in ("hot", "lru"):
        print("/* CPU of one core at a cut a second with 64 k addresses, per cent */")
        print(f"#define PLAN_CUT_PERCENT_{tier.upper()} {values[f'cut/64k/{tier}/cpu_at_1s']}")


main(sys.argv[1])
