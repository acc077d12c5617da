# SPDX-License-Identifier: GPL-2.0-or-later
"""ipv6_len of a group: its addresses share a record; live, after the cut, over restarts and reloads."""

import concurrent.futures
import ipaddress
import json
import os
import random
import subprocess
import sys

import geo
import scrape
from groups import totals
from harness import Daemon, Network, Place, end_process, scaled, write
from tap import check, check_equal, test, wait_for

SHARED = "2001:db8:1:200::/56"
LIST = "2001:db8:1::/48 customer ipv6_len=56\n"
PLAIN = "2001:db8:1::/48 customer\n"
OCTETS = 48  # geo.frame(): IPv6 and UDP header

# Packets without end, from each frame's addresses in turn; says how many when it is ended.
SENDER = f"""if True:
    import signal, sys
    sys.path.insert(0, {os.path.dirname(__file__)!r})
    from frames import packet_socket, send
    out = packet_socket("tx0")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    frames = [bytes.fromhex(line) for line in sys.argv[1:]]
    sent = 0
    while sent < 1000000 and not signal.sigtimedwait([signal.SIGTERM], 0.0001):
        send(out, frames[sent % len(frames)])
        sent += 1
    print(sent)
"""


def with_list(context, network, text, interval="100ms", more=""):
    place = Place(context)
    ours = os.path.join(place.base, "customers")
    write(ours, text)
    path = os.path.join(place.base, "ipacct.yaml")
    write(path, f"interval: {interval}\nmemory: 64M\ninterfaces: [{{name: rx0}}]\n"
                f"groups_file: {ours}\n{more}")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    return daemon, ours


def privacy(n, seed):
    """Different random addresses of the /56, as RFC 8981 makes them."""
    draw = random.Random(seed)
    first = int(ipaddress.ip_network(SHARED).network_address)
    return [str(ipaddress.IPv6Address(first + offset))
            for offset in draw.sample(range(1 << 20, 1 << 62), n)]


def rows(daemon, *options):
    """Entries of the customer by text: [packets, octets] received."""
    found = {}
    for one in daemon.dump(*options)["addresses"]:
        if one["address"].startswith("2001:db8:1:"):
            check_equal(one.get("prefix_len"), 56 if "/" in one["address"] else None, "prefix_len")
            found[one["address"]] = [one["rx_packets"], one["rx_l3_bytes"]]
    return found


def send(daemon, network, addresses, sent):
    geo.send(network, addresses)
    sent += len(addresses)
    wait_for(lambda: daemon.seen("--live") >= sent, "all packets seen")
    return sent


@test(limit_s=120)
def ten_thousand_privacy_addresses_are_one_record(context):
    network = Network(context)
    scrape.loopback_up(network)
    # LRU entries so that none of them is a single packet which might be rolled up: those live hides.
    daemon, ours = with_list(context, network, LIST, interval="60s",
                             more="top_addresses: 10\nlru_entries: 49152\n")
    daemon.start()
    n = scaled(10_000, 1000)
    sent = send(daemon, network, privacy(n, 1), 0)
    exact = {SHARED: [n, n * OCTETS]}
    # Nothing of it is in the ledger: a reader without privileges masks by itself.
    check_equal(daemon.dump()["addresses"], [], "before the cut")
    check_equal(rows(daemon, "--live"), exact, "live")
    check_equal(totals(daemon, "--live")["customer"][2], n, "live, of the group")
    daemon.ctl("cut")
    check_equal(rows(daemon), exact, "after the cut")
    check_equal(rows(daemon, "--live"), exact, "live after the cut")
    check_equal(daemon.dump()["rollups"], [], "nothing is rolled up")
    check_equal(totals(daemon)["customer"], [n, n * OCTETS] * 2, "the group")

    text = daemon.tool("ipacct-dump").stdout
    check(SHARED in text, text)
    lines = daemon.tool("ipacct-dump", "--csv").stdout.splitlines()
    check(any(line.startswith(f"address,{SHARED},") for line in lines), lines)
    check_equal(list(rows(daemon, "--group", "customer")), [SHARED], "--group")
    check_equal(len(rows(daemon, "2001:db8:1:2ab::7")), 1, "found by an address inside")
    answer = json.loads(scrape.get(network, "/api/v1/top?n=5")[2])
    check((SHARED, 56) in [(one["address"], one.get("prefix_len")) for one in answer["addresses"]],
          answer)
    samples = scrape.get(network, "/metrics")[2]
    check(SHARED in (samples if isinstance(samples, str) else samples.decode()), "the series")

    # Killed and started again with a pending epoch: the same record goes on.
    sent = send(daemon, network, privacy(n, 2), sent)
    exact = {SHARED: [2 * n, 2 * n * OCTETS]}
    daemon.kill()
    check_equal(rows(daemon, "--live"), exact, "without the daemon")
    daemon.start()
    check_equal(rows(daemon), exact, "after a restart")

    # Off, with counts on the way: those stay together, as they were shown; later ones do not.
    sent = send(daemon, network, privacy(n, 3), sent)
    exact = {SHARED: [3 * n, 3 * n * OCTETS]}
    check_equal(rows(daemon, "--live"), exact, "live before the reload")
    write(ours, PLAIN)
    daemon.ctl("reload")
    check_equal(rows(daemon), exact, "cut by the list of before")
    few = privacy(20, 4)
    sent = send(daemon, network, few, sent)
    exact.update({address: [1, OCTETS] for address in few})
    check_equal(rows(daemon, "--live"), exact, "live, the option off")
    daemon.ctl("cut")
    check_equal(rows(daemon), exact, "the option off")

    # On again: old records stay what they are.
    write(ours, LIST)
    daemon.ctl("reload")
    sent = send(daemon, network, few + privacy(n, 5), sent)
    exact[SHARED] = [4 * n + 20, (4 * n + 20) * OCTETS]
    check_equal(rows(daemon, "--live"), exact, "live, on again")
    daemon.stop()
    check_equal(rows(daemon), exact, "on again, and stopped")
    # Stopped, and started with another list: what nobody has cut goes by the one of before.
    sent = send(daemon, network, privacy(n, 6), sent)
    exact[SHARED] = [5 * n + 20, (5 * n + 20) * OCTETS]
    check_equal(rows(daemon, "--live"), exact, "while stopped")
    write(ours, PLAIN)
    daemon.start()
    check_equal(rows(daemon), exact, "started with another list")
    check_equal(totals(daemon)["customer"][2], sent, "the group has all of it")


@test(limit_s=120)
def no_counter_falls_while_lists_change_under_traffic(context):
    """Reloads turn the option on and off under traffic, a reader looks live all the time."""
    network = Network(context)
    daemon, ours = with_list(context, network, LIST)
    daemon.start()
    pool = privacy(40, 7)
    frames = [geo.frame(pool[i], pool[i - 1]).hex() for i in range(len(pool))]
    sender = subprocess.Popen(  # pylint: disable=consider-using-with
        network.command_inside(network.sender, sys.executable, "-c", SENDER, *frames),
        stdout=subprocess.PIPE, text=True)
    context.callback(lambda: end_process(sender))
    most, looks = {}, 0

    def look():
        found = rows(daemon, "--live")
        for address, counters in most.items():
            check(address in found, f"{address} is gone")
            check(all(now >= was for now, was in zip(found[address], counters)),
                  f"{address} fell: {counters}, then {found[address]}")
        most.update(found)
        return 1

    lists = [PLAIN, LIST, LIST.replace("56", "64") + "2001:db8:1:200::/56 b ipv6_len=56\n"]
    for i in range(scaled(15, 3)):
        write(ours, lists[i % 3])
        with concurrent.futures.ThreadPoolExecutor(1) as pool_of_one:
            reload = pool_of_one.submit(daemon.ctl, "reload")
            while not reload.done():
                looks += look()
            reload.result()
        looks += look()
    sender.terminate()
    sent = int(sender.communicate(timeout=20)[0])
    wait_for(lambda: daemon.seen("--live") >= sent, "all packets seen")
    daemon.ctl("cut")
    found = rows(daemon)
    look()
    check_equal(sum(one[0] for one in found.values()), sent, "packets on all records")
    check(SHARED in found and len(found) > len(pool), f"{len(found)} records")
    context.note(f"{looks} looks, {sent} packets")
