# SPDX-License-Identifier: GPL-2.0-or-later
"""Groups of prefixes: exact totals through reloads, restarts and kills; what is in no group adds up."""

import ipaddress
import json
import os
import signal

import geo
import scrape
from groups import COUNTERS, add_up, check_exact, totals
from harness import Daemon, Network, Place, program, scaled, write
from tap import check, check_equal, test, wait_for
from terminal import Terminal
from traffic import Traffic, settle

# The generator's addresses lie in 10.0.0.0/8 and 3fff::/20, tests/traffic/addresses.c.
FIRST = """# customers
10.0.0.0/9       east
10.64.0.0/10     "East Coast"   # the longest prefix wins
10.128.0.0/10    west
3fff::/21        east
3fff:100::/24    six
192.0.2.0/24     silent
"""
# east gives a part to another, west is gone, somebody is new; silent is the same.
SECOND = """10.0.0.0/9 east
10.64.0.0/11 "East Coast"
10.192.0.0/10 north
192.0.2.0/24 silent
"""


def with_groups(context, network, text, more="", memory="48M"):
    place = Place(context)
    ours = write(os.path.join(place.base, "customers"), text)
    path = write(os.path.join(place.base, "ipacct.yaml"),
                 f"interval: 100ms\nmemory: {memory}\ninterfaces: [{{name: rx0}}]\n"
                 f"groups_file: {ours}\n{more}")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    return daemon, ours, path


def traffic_run(context, network, seed, packets=200_000, **how):
    traffic = Traffic(context, network, packets=scaled(packets, 30_000), addresses=3000, seed=seed,
                      mix="v4,v6,vlan", **how).start()
    traffic.finish()
    return traffic


@test(limit_s=120)
def each_group_is_exact_through_reload_restart_and_kill(context):
    network = Network(context)
    daemon, ours, _ = with_groups(context, network, FIRST)
    daemon.start()
    state = daemon.status()["groups"]
    check_equal((state["groups"], state["prefixes"], state["file"]), (5, 6, ours), "status")
    one = traffic_run(context, network, 1)
    settle(daemon, one)
    expected = add_up({}, one, FIRST)
    expected["silent"] = [0, 0, 0, 0]
    check(len(expected) == 6 and None in expected, f"the account has {expected}")
    check_exact(daemon, expected)

    write(ours, SECOND)
    daemon.ctl("reload")
    check_exact(daemon, expected)  # nothing that was counted moves
    two = traffic_run(context, network, 2)
    settle(daemon, one, two)
    add_up(expected, two, SECOND)
    check_exact(daemon, expected)

    collector = daemon.pid_of_collector()
    os.kill(collector, signal.SIGKILL)
    wait_for(lambda: daemon.pid_of_collector() not in (0, collector), "another collector")
    three = traffic_run(context, network, 3)
    settle(daemon, one, two, three)
    add_up(expected, three, SECOND)
    check_exact(daemon, expected)

    daemon.kill()
    daemon.start()
    check_exact(daemon, expected)
    write(ours, FIRST)  # west is back and goes on where it was
    daemon.ctl("reload")
    four = traffic_run(context, network, 4)
    settle(daemon, one, two, three, four)
    add_up(expected, four, FIRST)
    check_exact(daemon, expected)
    daemon.stop()
    check_exact(daemon, expected)  # without the daemon


@test(limit_s=120)
def reload_under_traffic_loses_and_moves_nothing(context):
    network = Network(context)
    daemon, ours, _ = with_groups(context, network, FIRST)
    daemon.start()
    same = FIRST.replace("west", "west2").replace("six", "six2")
    traffic = Traffic(context, network, addresses=3000, mix="v4,v6").start()
    for i in range(scaled(6, 2)):
        write(ours, same if i % 2 == 0 else FIRST)
        daemon.ctl("reload")
        before = totals(daemon)
        after = totals(daemon)
        for name, counters in before.items():
            check(all(a >= b for a, b in zip(after[name], counters)), f"{name} fell")
        totals(daemon, "--live")
    traffic.finish()
    settle(daemon, traffic)
    expected, found = add_up({}, traffic, FIRST), totals(daemon)
    for name in ("east", "East Coast", None):
        check_equal(found[name], expected[name], f"{name}, which every list has")
    for name in ("west", "six"):
        both = [a + b for a, b in zip(found[name], found[name + "2"])]
        check_equal(both, expected[name], f"{name} by both names")
        check(found[name][0] and found[name + "2"][0], f"{name}: one list was never in use")
    traffic.compare(daemon)


@test(limit_s=60)
def what_came_before_there_were_groups_is_earlier(context):
    network = Network(context)
    daemon, _, path = with_groups(context, network, FIRST)
    with open(path, encoding="utf-8") as lines:
        config = lines.read()
    write(path, config.replace("groups_file", "# groups_file"))
    daemon.start()
    done = daemon.tool("ipacct-dump", "--by", "group", expect=1)
    check("no groups are configured" in done.stderr, done.stderr)
    one = traffic_run(context, network, 1, packets=50_000)
    settle(daemon, one)
    write(path, config)
    daemon.ctl("reload")
    found = totals(daemon)
    accounted = [int(one.totals()[2]), int(one.totals()[3])] * 2
    check_equal(found[("earlier",)], accounted, "earlier")
    two = traffic_run(context, network, 2, packets=50_000)
    settle(daemon, one, two)
    expected = add_up({}, two, FIRST)
    expected[("earlier",)] = accounted
    check_exact(daemon, expected)
    write(path, config.replace("groups_file", "# groups_file"))
    daemon.ctl("reload")
    check_equal(daemon.status()["groups"], None, "status without groups")
    daemon.tool("ipacct-dump", "--by", "group", expect=1)


@test(limit_s=60)
def broken_list_of_groups_keeps_the_old_one(context):
    network = Network(context)
    daemon, ours, _ = with_groups(context, network, FIRST)
    daemon.start()
    before = daemon.status()["groups"], daemon.pid_of_collector()

    def refused(text, words):
        write(ours, text)
        done = daemon.ctl("reload", expect=78)
        check(words in done.stderr, f"{words} in: {done.stderr}")
        daemon.refuse("--check-config", code=78, words=[words])
        check_equal((daemon.status()["groups"], daemon.pid_of_collector()), before, "status")

    refused("10.0.0.0/8 a\n10.0.0.1/8 b\n", f"{ours}:2:1: '10.0.0.1/8' has bits behind the prefix")
    refused("10.0.0.0/8 a\n  10.0.0.0/8 b\n", f"{ours}:2:1: this prefix was given before, for 'a'")
    refused("10.0.0.0/8\n", f"{ours}:1:11: no name behind the prefix")
    refused("10.0.0.0/8 a b=c\n", f"{ours}:1:14: 'b=c' behind the name")
    refused("10.0.0.0/8 a protect=yes domain=70000\n", f"{ours}:1:26: 'domain=70000'")
    refused("10.0.0.0/8 unknown\n", f"{ours}:1:12: 'unknown' is what ipacct calls")
    os.unlink(ours)
    daemon.ctl("reload", expect=78)
    write(ours, FIRST)
    one = traffic_run(context, network, 1, packets=50_000)
    settle(daemon, one)
    check_exact(daemon, {**add_up({}, one, FIRST), "silent": [0, 0, 0, 0]})


@test(limit_s=120)
def carpet_bombing_of_a_protected_group_is_exact_on_it(context):
    """Each address of a /22 gets one packet in the middle of a flood that fills every table."""
    network = Network(context)
    daemon, _, _ = with_groups(context, network,
                               "198.18.0.0/22 target protect=yes\n10.0.0.0/8 others\n",
                               memory="48M", more="ledger_addresses: 16384\n")
    daemon.start()
    state = daemon.status()
    check_equal((state["protected"]["prefixes"], state["groups"]["protected_prefixes"]), (1, 1),
                "protected")
    flood = Traffic(context, network, packets=300_000, addresses=1500, mix="v4,v6",
                    options=("--flood", 400_000, "--flood-percent", 98)).start()
    victims = [str(address) for address in ipaddress.ip_network("198.18.0.0/22")]
    for _ in range(3):
        geo.send(network, victims)
    flood.finish()
    sent = flood.sent() + 3 * len(victims)
    wait_for(lambda: daemon.cut() and daemon.seen() >= sent, "all packets in the ledger")
    check_equal(daemon.seen(), sent, "packets seen")
    state = daemon.status()["protected"]
    check_equal((state["rolled_up_packets"], state["unrecorded_keys"]), (0, 0), "rolled up")
    dump = daemon.dump()
    check(dump["rollups"], "nothing was rolled up: the flood was too small")
    found = totals(daemon)
    check_equal(found["target"], [3 * 1024, 3 * 1024 * 28] * 2, "the target")
    check(found[("rolled_up",)][0] > 0, "nothing of the flood was rolled up")
    rows = daemon.dump("--group", "target")["addresses"]
    check_equal((len(rows), {one["rx_packets"] for one in rows}), (1024, {3}), "its addresses")


@test(limit_s=60)
def every_output_has_the_same_groups(context):
    network = Network(context)
    scrape.loopback_up(network)
    daemon, _, _ = with_groups(context, network, FIRST, more="top_groups: 2\n")
    daemon.start()
    one = traffic_run(context, network, 1, packets=50_000)
    dump = settle(daemon, one)
    expected = add_up({}, one, FIRST)
    check_exact(daemon, {**expected, "silent": [0, 0, 0, 0]})

    said = json.loads(daemon.ctl("groups", "-j").stdout)
    found = {(None if group["group"] == "unknown" else group["group"]):
             [group[field] for field in COUNTERS] for group in said["groups"]}
    check_equal(found, {**expected, "silent": [0, 0, 0, 0]}, "ipacctctl groups")
    check_equal({group["group"]: group["prefixes"] for group in said["groups"] if group["listed"]},
                {"east": 2, "East Coast": 1, "west": 1, "six": 1, "silent": 1}, "prefixes")
    text = daemon.ctl("groups").stdout
    check("East Coast" in text and "(unknown)" in text, text)
    check("groups: 5 of 6 prefixes, 0 protected" in daemon.ctl("status").stdout, "status")

    answer = json.loads(scrape.get(network, "/api/v1/top?by=group&n=100")[2])
    found = {(None if group["group"] == "unknown" else group["group"]):
             [group[field] for field in COUNTERS] for group in answer["groups"]}
    check_equal(found, expected, "/api/v1/top")
    answer = json.loads(scrape.get(network, "/api/v1/top?by=group&n=1")[2])
    left = [answer["left_out"][field] + answer["groups"][0][field] for field in COUNTERS]
    check_equal(left, [sum(column) for column in zip(*expected.values())], "with what is left out")

    samples = scrape.scrape(network)
    for direction in ("tx", "rx"):
        check_equal(scrape.total(samples, "ipacct_group_packets_total", direction=direction),
                    scrape.total(samples, "ipacct_interface_family_packets_total"), "/metrics")

    rows = daemon.dump("--group", "East Coast,six")["addresses"]
    check_equal([sum(row[field] for row in rows) for field in COUNTERS],
                [a + b for a, b in zip(expected["East Coast"], expected["six"])], "--group")
    none = daemon.dump("--group", "unknown")["addresses"]
    check_equal(sum(row["tx_packets"] for row in none), expected[None][0], "--group unknown")
    check_equal(len(daemon.dump("--by", "group", "--group", "six")["groups"]), 1, "one row")
    lines = daemon.tool("ipacct-dump", "--by", "group", "--csv").stdout.splitlines()
    check_equal(len(lines), 1 + len(expected) + 1, "lines of CSV")
    check(any(line.startswith("group,East Coast,,") for line in lines), lines)
    lines = daemon.tool("ipacct-dump", "--by", "group", "--ndjson").stdout.splitlines()
    check_equal(sum(json.loads(line)["type"] == "group" for line in lines), len(expected) + 1,
                "lines of NDJSON")
    daemon.tool("ipacct-dump", "--by", "group", "--oneline")
    check("(no group)" in daemon.tool("ipacct-dump", "--by", "group").stdout, "table")
    daemon.tool("ipacct-dump", "--by", "group", "-4", expect=2)
    check_equal(sum(group["addresses"] for group in daemon.dump("--by", "group")["groups"]),
                len(dump["addresses"]), "addresses of all groups")


@test(limit_s=90)
def top_has_the_rates_of_each_group(context):
    network = Network(context)
    daemon, _, _ = with_groups(context, network, FIRST)
    daemon.start()
    traffic = Traffic(context, network, addresses=200, rate=2000, mix="v4,v6").start()

    def frames(*arguments):
        text = daemon.tool("ipacct-top", "--json", "-d", "0.5", "-n", "5", *arguments,
                           limit_s=60).stdout
        return [json.loads(line) for line in text.splitlines()]

    last = frames("--by", "group")[-1]
    rows = {row["group"]: row for row in last["rows"]}
    check({row["kind"] for row in last["rows"]} <= {"group", "unknown"}, str(rows.keys()))
    check({"east", "East Coast", "west"} <= set(rows), f"groups {sorted(rows)}")
    for way in ("tx_pps", "rx_pps"):
        check(abs(sum(row[way][0] for row in rows.values()) - 2000) < 300, f"{way} of all groups")
    listed = frames("-t", "300")[-1]["rows"]
    for name in ("east", "west"):
        only = frames("-t", "300", "--group", name)[-1]["rows"]
        check_equal({row["address"] for row in only},
                    {row["address"] for row in listed if row["group"] == name}, name)
    screen = Terminal(context, network.command_inside(
        network.receiver, program("ipacct-top"), *daemon.arguments))
    screen.wait(r"^conserved: exact")
    screen.keys("g")
    screen.wait(r"^GROUP ")
    screen.wait(r"^east \([1-9]\d*\) ")
    traffic.finish()
    settle(daemon, traffic)
