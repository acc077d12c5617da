#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the report of a run of the bench, in Markdown.

usage: report.py RUN.jsonl [REPORT.md]"""

import sys

import compare

# What was set out to be reached: words, figure, which of its numbers, direction, limit.
GOALS = (
    ("two updates, 1 k addresses, against plain LRU_PERCPU_HASH doing the same",
     "updates/v4/1cpu/1k/hot", "ratio", "≤", 0.15),
    ("whole program / XDP_DROP floor, 1 k addresses, TEST_RUN",
     "floor/v4/1k/hot", "ratio", "≤", 1.8),
    ("veth native, frames from a socket: with accounting / drop only",
     "live/v4/1k/socket/hot", "ratio", "≤", 1.10),
    ("veth native, recycled pages (the whole path costs less than one skb): the same",
     "live/v4/1k/page/hot", "ratio", "≤", 1.10),
    ("64 k addresses, v4, against plain LRU_PERCPU_HASH",
     "updates/v4/1cpu/64k/hot", "ratio", "≤", 0.2),
    ("64 k addresses, v6, `ipv6_share: 100%`, against plain LRU_PERCPU_HASH",
     "updates/v6/1cpu/64k_roomy/hot", "ratio", "≤", 0.3),
    ("the same with the 131,072 lines that 256 MiB give IPv6, half as many", "updates/v6/1cpu/64k/hot",
     "ratio", "≤", 0.3),
    ("1 M uniform, `memory: 1G`, `ipv6_share: 0%`, an epoch of 10⁶ packets, against plain LRU_PERCPU_HASH",
     "updates/v4/1cpu/1m/hot", "ratio", "≤", 0.4),
    ("the same in one long epoch", "updates/v4/1cpu/1m_uncut/hot", "ratio", "≤", 0.4),
    ("Zipf over 1 M, `memory: 1G`, `ipv6_share: 0%`, an epoch of 10⁶ packets, against plain LRU_PERCPU_HASH",
     "updates/v4/1cpu/zipf1m/hot", "ratio", "≤", 0.35),
    ("the same in one long epoch", "updates/v4/1cpu/zipf1m_uncut/hot", "ratio", "≤", 0.35),
    ("spoofed flood, against plain LRU_PERCPU_HASH",
     "updates/v4/1cpu/flood/hot", "ratio", "≤", 0.3),
    ("spoofed flood: updates lost silently", "lost/v4/1cpu/flood/hot", "value", "≤", 0),
    ("5,000 honest sources of 40 pps in a 90 % flood at 2 Mpps, 65,536 lines: on their own address",
     "honest/5000/40pps/own", "value", "≥", 99.99),
    ("the protected ones among them", "honest/5000/40pps/protected", "value", "≥", 100),
    ("reading, entries per second, against batch look-up of LRU_PERCPU_HASH",
     "reading/64k/hot_mmap/scan", "ratio", "≥", 20),
    ("two CPUs against one", "scaling/v4/1k/hot/2cpu", "ratio", "≥", 1.9),
    ("cuts at full rate on every CPU: how many", "loss/mix/hot/cuts", "value", "≥", 1000),
    ("packets and octets lost in them", "loss/mix/hot/lost", "value", "≤", 0),
    ("collector at one cut a second, 64 k addresses: % of a core",
     "cut/64k/hot/cpu_at_1s", "value", "≤", 1),
    ("memory asked for in a cut, once the tables have grown", "cut/64k/hot/allocations", "value",
     "≤", 0),
)

METHOD = """\
The datapath is measured with `BPF_PROG_TEST_RUN`, a million frames in one call, in CPU time of the
calling thread. Every contender has the same generator of addresses, parser, totals, compiler flags and
as much map memory as ours. Contenders run in turn; a ratio is the median of the ratios run by run, in
brackets their extremes. *Updates* are a program less the one that only parses and keeps totals. After
each case what the ledger holds is compared with what was sent, to the packet and the octet: a difference
ends the run with status 1. More in bench/README.md.
"""

CONTENDERS = ("drop", "totals", "hot", "lru", "lru_percpu_hash", "lru_percpu_hash_u32", "percpu_hash")
LOADS = ("one", "1k", "16k", "64k", "64k_roomy", "256k", "512k", "1m", "zipf1m", "1m_uncut", "zipf1m_uncut", "flood", "mix")
GROUPS = (
    ("floor", "The whole program above the floor"),
    ("planned", "What plan says, against the same measured"),
    ("live", "Whole frames through veth"),
    ("scaling", "Two CPUs"),
    ("features", "Optional parts"),
    ("egress", "The tc hooks"),
    ("slowed", "Senders beside a reader"),
    ("reading", "Reading"),
    ("cut", "The cut"),
    ("ledger", "Applying a cut to the ledger"),
    ("groups", "Groups"),
    ("loss", "Cuts at full rate"),
    ("honest", "Honest sources in a flood"),
    ("shape", "By shape of packet"),
    ("micro", "Functions of user space"),
    ("render", "ipacct-dump"),
    ("tools", "ipacct-top"),
)


def number(value):
    return f"{value:.6g}" if abs(value) >= 99 else f"{value:.3g}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ratio_text(figure):
    if figure["ratio"] is None:
        return ""
    text = f"{figure['ratio']:.3g} × {figure['baseline']}"
    if "ratio_min" in figure:
        text += f" [{figure['ratio_min']:.3g} … {figure['ratio_max']:.3g}]"
    return text


def machine_part(machine):
    return table(("machine", ""), [(key, str(value)) for key, value in machine.items()])


def goal_row(goal, figures):
    words, name, key, direction, limit = goal
    figure = figures.get(name)
    if figure is None or figure[key] is None:
        return words, f"{direction} {limit:g}", "", "not measured"
    got = figure[key]
    reached = got <= limit if direction == "≤" else got >= limit
    text = number(got)
    if key == "ratio" and "ratio_min" in figure:
        text += f" [{figure['ratio_min']:.3g} … {figure['ratio_max']:.3g}]"
    return words, f"{direction} {limit:g}", text, "reached" if reached else "**not reached**"


def goals_part(figures):
    return table(("measure", "goal", "measured", ""), [goal_row(goal, figures) for goal in GOALS])


def matrix(figures, group, place, contenders, cell):
    rows = []
    for load in LOADS:
        cells = [figures.get(f"{group}/{place}/{load}/{who}") for who in contenders]
        if any(cells):
            rows.append([load] + [cell(figure) if figure else "" for figure in cells])
    return table(["load", *contenders], rows) if rows else ""


def datapath_part(figures):
    parts = []
    for family in ("v4", "v6"):
        for n_cpus in ("1cpu", "2cpu"):
            place = f"{family}/{n_cpus}"
            whole = matrix(figures, "datapath", place, CONTENDERS,
                           lambda figure: number(figure["value"]))
            if not whole:
                continue
            parts += [f"### {family}, {n_cpus}\n", "ns per packet, the whole program:\n", whole,
                      "the two updates alone, ns and × plain LRU_PERCPU_HASH:\n",
                      matrix(figures, "updates", place, CONTENDERS[2:],
                             lambda figure: number(figure["value"]) +
                             ("" if figure["ratio"] is None else f" ({figure['ratio']:.2f} ×)")),
                      "updates that are gone and nobody was told, %:\n",
                      matrix(figures, "lost", place, CONTENDERS[2:],
                             lambda figure: number(figure["value"])),
                      "updates on a record of their own address, %:\n",
                      matrix(figures, "own", place, CONTENDERS[2:4],
                             lambda figure: number(figure["value"]))]
    return "\n".join(parts)


def group_part(figures, group, title):
    rows = [(name, f"{number(figure['value'])} {figure['unit']}",
             f"{number(figure['min'])} … {number(figure['max'])}" if figure["n"] > 1 else "",
             ratio_text(figure))
            for name, figure in figures.items() if name.split("/")[0] == group]
    if not rows:
        return ""
    return f"## {title}\n\n" + table(("figure", "median", "range", "ratio, paired"), rows)


class Findings:
    """Sentences that follow from the figures; a figure that is not there gives none."""

    def __init__(self, figures):
        self.figures = figures
        self.lines = []

    def get(self, name, key="value"):
        figure = self.figures.get(name)
        return None if figure is None else figure[key]

    def packet(self):
        names = ("drop", "totals", "hot", "lru_percpu_hash")
        drop, totals, hot, plain = (self.get(f"datapath/v4/1cpu/1k/{name}") for name in names)
        if None in (drop, totals, hot, plain):
            return
        parse, updates = totals - drop, hot - totals
        larger = "the two updates are" if updates > parse else "parser and totals are"
        self.lines.append(
            f"A packet of a busy address costs {hot - drop:.1f} ns above the floor: {parse:.1f} for "
            f"parser and totals, {updates:.1f} for both updates (a plain LRU_PERCPU_HASH takes "
            f"{plain - totals:.1f}). → Look for time where there is most of it: {larger}.")

    def misses(self):
        near, far = self.get("updates/v4/1cpu/1k/hot"), self.get("updates/v4/1cpu/1m/hot")
        if near and far:
            self.lines.append(
                f"From 1 k to 1 M addresses the two updates go from {near:.0f} to {far:.0f} ns: cache "
                "misses, not instructions. → Memory for the hot tier beyond what the last-level cache "
                "holds buys exactness by address, not speed.")

    def flood(self):
        flood = self.get("updates/v4/1cpu/flood/hot")
        lost = self.get("lost/v4/1cpu/flood/lru_percpu_hash")
        own = self.get("own/v4/1cpu/flood/hot")
        if None not in (flood, lost, own):
            self.lines.append(
                f"In a spoofed flood the updates cost {flood:.0f} ns and nothing is lost; {own:.0f} % "
                f"keep an address of their own, the rest its prefix. A plain LRU loses {lost:.0f} %. → "
                "Protect the operator's own prefixes, so that what matters is not decided by chance.")

    def guards(self):
        for where, words in (("near", "between the flood's addresses"), ("apart", "far from them")):
            ratio = self.get(f"features/protected_{where}/flood/64k", "ratio")
            if ratio is not None:
                advice = ("→ Few and short prefixes; thousands of host routes are better summed up."
                          if ratio > 1.2 else "→ No reason to be sparing.")
                self.lines.append(f"65,536 protected prefixes {words} make a packet of the flood "
                                  f"{ratio:.2f} times as dear. {advice}")

    def cut(self):
        share = self.get("cut/64k/hot/cpu_at_1s")
        apply, fold = (self.get(f"ledger/64k/{name}") for name in ("again", "fold"))
        if None not in (share, apply, fold):
            part = 65536 * apply / 1e7 / share
            self.lines.append(
                f"A cut of 64 k addresses a second takes {share:.2f} % of a core; applying it to the "
                f"ledger alone {apply:.0f} ns a key, about {100 * part:.0f} % of that. → A longer "
                "interval saves in proportion, up to the number of addresses that are new in it.")

    def scaling(self):
        ours = self.get("scaling/v4/1k/hot/2cpu", "ratio")
        machine = self.get("scaling/v4/1k/drop/2cpu", "ratio")
        if ours and machine:
            cause = ("the machine gives no more" if machine < 1.95 and ours > machine - 0.05
                     else "partitions share nothing" if ours >= 1.9
                     else "something is shared: look for a cache line that both write")
            self.lines.append(f"Two CPUs do {ours:.2f} times the work of one; a program that only "
                              f"drops {machine:.2f} times: {cause}.")

    def readers(self):
        slow = self.get("slowed/64k/hot/beside_batch_reader", "ratio")
        if slow:
            self.lines.append(f"A reader that never stops makes packets {slow:.2f} times as dear. → "
                              "Read the ledger; live reads are for looking, not for polling.")

    def noisy(self):
        bands = sorted(((compare.noise(figure["ratio"], figure["ratio_min"], figure["ratio_max"],
                                       figure["n"]), name)
                        for name, figure in self.figures.items()
                        if figure["ratio"] and "ratio_min" in figure), reverse=True)
        wide = [f"{name} (± {100 * band:.0f} %)" for band, name in bands[:5] if band > 0.1]
        if wide:
            self.lines.append("Least to be trusted, by the spread of the pairs: " + ", ".join(wide) +
                              ". → Repeat them on an idle machine before believing a change.")

    def all(self):
        for find in (self.packet, self.misses, self.flood, self.guards, self.cut, self.scaling,
                     self.readers, self.noisy):
            find()
        return "\n".join(f"- {line}" for line in self.lines) + "\n" if self.lines else ""


def report(machine, figures):
    parts = ["# Bench of ipacct\n", machine_part(machine), "## Goals\n", goals_part(figures)]
    findings = Findings(figures).all()
    if findings:
        parts += ["## Where the time goes, and what to do\n", findings]
    parts += ["## Method\n", METHOD]
    datapath = datapath_part(figures)
    if datapath:
        parts += ["## Datapath\n", datapath]
    parts += filter(None, (group_part(figures, group, title) for group, title in GROUPS))
    return "\n".join(parts)


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        text = report(*compare.read(arguments[0]))
        if len(arguments) == 1:
            sys.stdout.write(text)
        else:
            with open(arguments[1], "w", encoding="utf-8") as file:
                file.write(text)
    except (OSError, UnicodeDecodeError, compare.Damaged) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
