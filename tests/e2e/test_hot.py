# SPDX-License-Identifier: GPL-2.0-or-later
"""Without the tier of busy addresses, which all other tests have: the same numbers."""

from dying import crash_once
from harness import CRASH_BUILD, Daemon, Network, scaled
from tap import check, check_equal, test
from traffic import Traffic, exact, settle, steady


@test(limit_s=150)
def lru_tier_alone_every_address_exact_from_both_cpus(context):
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network, "--hot", "off").start()
    traffic = Traffic(context, network, packets=scaled(1_200_000),
                      addresses=scaled(100_000, 5000)).start()
    while traffic.running():
        daemon.cut()
    traffic.finish()
    exact(daemon, traffic)
    lines = sum(part["hot_lines"] for part in daemon.status()["partitions"])
    check_equal(lines, 0, "lines of a hot tier that is off")


@test(limit_s=120, guest=False, crash_build=True)
def lru_tier_alone_killed_while_it_is_cleared(context):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "off", build=CRASH_BUILD).start()
    daemon.stop()
    traffic = steady(context, network)
    for step in ("read", "applied", "committed", "clearing", "roll_clear", "totals_clear"):
        crash_once(daemon, step)
    daemon.start()
    traffic.finish()
    exact(daemon, traffic)


@test(limit_s=60)
def status_tells_how_many_hot_lines_are_used(context):
    network = Network(context)
    daemon = Daemon(context, network, "--interval", "60s").start()
    capacity = sum(part["hot_lines"] for part in daemon.status()["partitions"])
    daemon.cut()
    hot = daemon.status()["hot"]
    check_equal((hot["ipv4_used"], hot["ipv6_used"]), (0, 0), "lines before any packet")
    check_equal(hot["ipv4_lines"] + hot["ipv6_lines"], capacity, "lines of all partitions")
    Traffic(context, network, packets=20_000, addresses=400, mix="v4:2,v6").start().finish()
    daemon.cut()
    hot, addresses = daemon.status()["hot"], daemon.dump()["addresses"]
    for family, count in (("ipv4", sum("." in one["address"] for one in addresses)),
                          ("ipv6", sum(":" in one["address"] for one in addresses))):
        check(count and count <= hot[family + "_used"] <= 2 * count,
              f"{hot} with {count} {family} addresses seen by two CPUs")
    check("hot tier: " + str(hot["ipv4_used"]) + " of " in daemon.ctl("status").stdout,
          "the same for people")


def flood(context, hot):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", hot, "--lru-entries", "8192", memory="48M").start()
    crowd = scaled(400_000, 40_000)
    traffic = Traffic(context, network, packets=3 * crowd, addresses=crowd).start()
    while traffic.running():
        daemon.cut()
    traffic.finish()
    dump = settle(daemon, traffic)
    check(dump["rollups"], "nothing was rolled up: the flood was too small")
    traffic.compare(daemon, rollups=True)


@test(limit_s=150)
def hot_tier_conserves_in_a_flood_of_new_sources(context):
    flood(context, "on")


@test(limit_s=150)
def lru_tier_alone_conserves_in_a_flood_of_new_sources(context):
    flood(context, "off")


def thousand_cuts(context, hot):
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network, "--hot", hot, interval="10s").start()
    first = daemon.dump("-n", "1")["cut"]
    traffic = Traffic(context, network, addresses=2000).start()
    while daemon.cut() - first < scaled(1000, 50):
        pass
    traffic.finish()
    dump = exact(daemon, traffic)
    check_equal(dump["conservation"]["error_packets"], 0, "packets apart in any of the cuts")
    context.note(f"{traffic.sent()} packets, {dump['cut'] - first} cuts")


@test(limit_s=120, guest=False)
def thousand_cuts_at_full_rate_with_hot_tier(context):
    thousand_cuts(context, "on")


@test(limit_s=120, guest=False)
def thousand_cuts_at_full_rate_without_hot_tier(context):
    thousand_cuts(context, "off")
