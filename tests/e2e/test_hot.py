# SPDX-License-Identifier: GPL-2.0-or-later
"""The tier of busy addresses: the same numbers as without it."""

from harness import CRASH_BUILD, Daemon, Network, scaled
from tap import check, check_equal, test
from test_faults import crash_once, steady
from traffic import Traffic, settle


@test(limit_s=150)
def hot_tier_every_address_exact_from_both_cpus(context):
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network, "--hot", "on").start()
    traffic = Traffic(context, network, packets=scaled(2_400_000),
                      addresses=scaled(100_000, 5000)).start()
    while traffic.running():
        daemon.cut()
    traffic.finish()
    settle(daemon, traffic)
    traffic.compare(daemon)
    inserts = sum(part["hot_displaced"] for part in daemon.status()["partitions"])
    check_equal(inserts, 0, "displaced since the last cut of a quiet table")


@test(limit_s=120, guest=False, crash_build=True)
def hot_tier_killed_while_it_is_cleared(context):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "on", build=CRASH_BUILD).start()
    daemon.stop()
    traffic = steady(context, network)
    for step in ("read", "applied", "committed", "roll_clear", "hot_clear", "totals_clear"):
        crash_once(daemon, step)
    daemon.start()
    traffic.finish()
    settle(daemon, traffic)
    traffic.compare(daemon)


@test(limit_s=150)
def hot_tier_conserves_in_a_flood_of_new_sources(context):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "on", memory="48M").start()
    crowd = scaled(400_000, 40_000)
    flood = Traffic(context, network, packets=3 * crowd, addresses=crowd).start()
    while flood.running():
        daemon.cut()
    flood.finish()
    dump = settle(daemon, flood)
    check(dump["rollups"], "nothing was rolled up: the flood was too small")
    flood.compare(daemon, rollups=True)
