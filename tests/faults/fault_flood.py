# SPDX-License-Identifier: GPL-2.0-or-later
"""Ten million forged sources beside a thousand honest ones."""

import csv
import io

from harness import Daemon, Network, scaled, status_field
from tap import check, check_equal, test
from traffic import Traffic, settle


def resident_kib(daemon):
    """What the collector has for itself: maps and ledger are of a fixed size."""
    return int(status_field(daemon.pid_of_collector(), "RssAnon")[0])


def flooded(context, *options):
    """Share of the honest packets that stand on their own address."""
    network = Network(context)
    # An epoch for each flood: both fill all there is, so the second asks for nothing more.
    daemon = Daemon(context, network, *options, interval="1h").start()
    honest = Traffic(context, network, addresses=1000, rate=40_000, mix="v4",
                     options=["--first", "1000000"]).start()
    # One second of theirs alone: they are there when the flood comes.
    while daemon.seen("--live") < scaled(40_000, 2000):
        pass
    daemon.cut()
    floods, resident = [], []
    for seed in (1, 2):
        floods.append(Traffic(context, network, packets=scaled(1_500_000, 30_000), addresses=256,
                              mix="v4", seed=seed, options=["--flood", "10000000"]).start())
        floods[-1].finish()
        daemon.cut()
        resident.append(resident_kib(daemon))
    honest.finish()
    dump = settle(daemon, honest, *floods)
    grown = resident[1] - resident[0]
    honest.compare(daemon, *floods, rollups=True)
    check_equal(dump["conservation"]["error_packets"], 0, "packets apart in any of the cuts")
    rows = csv.DictReader(io.StringIO(daemon.tool("ipacct-dump", "--csv").stdout))
    own = {row["address"]: (int(row["tx_packets"]), int(row["rx_packets"])) for row in rows}
    sent = missed = 0
    with open(honest.account, encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if fields[0].count(".") != 3:
                continue
            for counted, real in zip(own.get(fields[0], (0, 0)), (int(fields[2]), int(fields[4]))):
                sent += real
                missed += real - counted
    share = 1 - missed / sent
    flood = sum(one.sent() for one in floods)
    context.note(f"{flood} packets of 10,000,000 sources: {100 * share:.4f} % of {sent} honest packets"
                 f" on their own address; collector's memory {resident[0]} then {grown:+} KiB")
    return share, grown


@test(limit_s=300, guest=False, fault="T-FLOOD")
def honest_addresses_stay_exact_among_ten_million_forged_ones(context):
    share, grown = flooded(context)
    check(share >= 0.9999, f"only {100 * share:.4f} % of the honest packets on their own address")
    check(grown < 256, f"the collector grew by {grown} KiB in the second half")
