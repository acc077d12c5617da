# SPDX-License-Identifier: GPL-2.0-or-later
"""Known traffic through a real interface: every address exact, nothing missing, nothing twice."""

import os
import shutil
import subprocess

from harness import Daemon, Network, program, scaled, status_field
from replay import account_of_pcap, write_mixed_pcap
from tap import SLOW, Skip, check, check_equal, test, wait_for
from traffic import Traffic, settle

PACKETS = 1_200_000
ADDRESSES = 100_000
CUTS = 100


def check_account_of_pcap(dump, expected):
    """Every number of an independent reader of the same pcap against the dump."""
    got = {entry["address"]: (entry["tx_packets"], entry["tx_l3_bytes"], entry["rx_packets"],
                              entry["rx_l3_bytes"]) for entry in dump["addresses"]}
    for address in sorted(set(got) | set(expected.addresses)):
        check_equal(got.get(address), expected.addresses.get(address), address)
    check_equal(dump["rollups"], [], "roll-ups")
    device = dump["interfaces"][0]
    ignored = {name: count for name, count in device["ignored"].items() if count}
    check_equal(ignored, expected.ignored, "ignored")
    check_equal((device["seen_packets"], device["seen_l2_bytes"]),
                (expected.packets, expected.l2_bytes), "seen")


@test(limit_s=150, guest=True)
def every_address_exact_from_both_cpus_over_100_cuts(context):
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network).start()
    first_cut = daemon.dump("-n", "1")["cut"]
    # In a slow guest fewer packets, and so fewer addresses: each is still met several times.
    traffic = Traffic(context, network, packets=PACKETS if SLOW < 2 else 50_000,
                      addresses=scaled(ADDRESSES, 5000)).start()
    n_cuts = 0
    while traffic.running():
        daemon.cut()
        n_cuts += 1
    traffic.finish()
    while n_cuts < scaled(CUTS, 20):
        daemon.cut()
        n_cuts += 1
    dump = settle(daemon, traffic)
    context.note(f"{traffic.sent()} packets, {len(dump['addresses'])} addresses, "
                 f"{dump['cut'] - first_cut} cuts")
    check(dump["cut"] - first_cut >= scaled(CUTS, 20), f"only {dump['cut'] - first_cut} cuts")
    check(len(dump["addresses"]) >= scaled(ADDRESSES, 5000), f"{len(dump['addresses'])} addresses")
    traffic.compare(daemon)


@test(limit_s=90)
def two_cpus_insert_the_same_few_keys_into_a_shared_partition(context):
    """Every cut makes every key new again, so the two CPUs meet at the insert all the time."""
    network = Network(context)
    daemon = Daemon(context, network, "--receive-cpus", "none").start()
    first_cut = daemon.dump("-n", "1")["cut"]
    traffic = Traffic(context, network, packets=scaled(1_000_000), addresses=16, mix="v4").start()
    while traffic.running():
        daemon.cut()
    traffic.finish()
    dump = settle(daemon, traffic)
    context.note(f"{traffic.sent()} packets, {dump['cut'] - first_cut} cuts")
    traffic.compare(daemon)


@test(limit_s=150)
def ten_times_more_addresses_than_capacity(context):
    network = Network(context)
    daemon = Daemon(context, network, "--receive-cpus", "none", memory="24M").start()
    status = daemon.status()
    capacity = sum(part["lru_entries"] for part in status["partitions"])
    pids = [status["pid"], status["collector_pid"]]

    def memory():
        files = os.stat(os.path.join(daemon.place.runtime, "ledger")).st_size
        anonymous = sum(int(status_field(pid, "RssAnon")[0]) for pid in pids)
        return daemon.status()["memory"]["maps_bytes"], files, anonymous

    # Fill it once: from here on memory must not move.
    warm = Traffic(context, network, packets=scaled(30) * capacity,
                   addresses=10 * capacity).start()
    warm.finish()
    settle(daemon, warm)
    before = memory()
    flood = Traffic(context, network, packets=scaled(30) * capacity, addresses=10 * capacity,
                    seed=2).start()
    flood.finish()
    dump = settle(daemon, warm, flood)
    after = memory()
    context.note(f"capacity {capacity}, addresses {flood.addresses}, own records "
                 f"{len(dump['addresses'])}, roll-ups {len(dump['rollups'])}; maps, ledger,"
                 f" anonymous KiB before {before}, after {after}")
    check_equal(after[:2], before[:2], "map and ledger size")
    # Anonymous memory may move by what malloc keeps for one batch.
    check(after[2] <= before[2] + 512, f"anonymous memory grew from {before[2]} to {after[2]} KiB")
    check(dump["rollups"], "nothing was rolled up: the flood was too small")
    flood.compare(daemon, warm, rollups=True)


@test(limit_s=90, guest=False)
def replayed_pcap_equals_an_independent_reader(context):
    if not shutil.which("tcpreplay"):
        raise Skip("tcpreplay is not installed")
    network = Network(context, mtu=9000)
    daemon = Daemon(context, network).start()
    path = os.path.join(daemon.place.base, "mixed.pcap")
    write_mixed_pcap(path, 20_000)
    expected = account_of_pcap(path)
    # Slower than the veth ring fills: tcpreplay does not see what a full ring refuses.
    network.inside(network.sender, "tcpreplay", "--pps=20000", "-q", "-i", "tx0", path,
                   limit_s=60)
    wait_for(lambda: daemon.cut() and daemon.seen() == expected.packets, "all frames seen")
    check_account_of_pcap(daemon.dump(), expected)
    daemon.ctl("verify")
    context.note(f"{expected.packets} frames, {len(expected.addresses)} addresses, "
                 f"{sum(expected.ignored.values())} ignored")


@test(limit_s=30, guest=False)
def closed_pipe_is_no_error(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, packets=5000, addresses=2000).start()
    traffic.finish()
    settle(daemon, traffic)
    for form in ("--oneline", "-j", "--ndjson", "--csv"):
        with subprocess.Popen([program("ipacct-dump"), *daemon.arguments, form],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump:
            # The reader leaves after a few bytes of what does not fit into a pipe.
            check(dump.stdout.read(20), f"ipacct-dump {form} prints nothing")
            dump.stdout.close()
            error = dump.stderr.read()
            check_equal((dump.wait(), error), (0, b""), f"ipacct-dump {form} | head")
