# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside programs of others, behind libxdp's dispatcher: nothing is lost or counted twice through
start, restart, kill, upgrade and detach, and the others go on.

The other program is Debian's xdp-filter. Its own counter of the packets that it dropped from one
address has to be what ipacct counted of that address: before the filter, and each once."""

import os
import re
import signal

from harness import Daemon, Network, Place, children, run, scaled, wait_end, write
from tap import Skip, check, check_equal, test, wait_for
from test_guard import CONFIG, with_config
from traffic import Traffic, exact, settle

# The first prefix and the last one exchange the program, as an upgrade does.
PROTECTED = ("protect: [192.0.2.0/24]\n", "")
PINS = "/sys/fs/bpf/xdp"  # libxdp's
DROPPED = "10.0.0.0"  # the generator's first address


class Filter:
    """xdp-filter on rx0 that drops what DROPPED sends."""

    def __init__(self, context, network):
        self.network = network
        context.callback(self.run, "unload", "rx0", expect=None)

    def run(self, *words, **options):
        return self.network.inside(self.network.receiver, "xdp-filter", *words, **options)

    def load(self):
        self.run("load", "-m", "native", "-f", "ipv4", "rx0", limit_s=10)
        self.run("ip", "-m", "src", DROPPED)
        return self

    def counts(self):
        """(dropped packets of DROPPED, packets that it has met)"""
        text = self.run("status").stdout
        hits = re.search(rf"^ +{re.escape(DROPPED)} +src +(\d+)$", text, re.MULTILINE)
        all_of = re.findall(r"^ *XDP_(?:PASS|DROP|ABORTED) +(\d+) pkts", text, re.MULTILINE)
        check(hits and all_of, f"xdp-filter status: {text}")
        return int(hits.group(1)), sum(map(int, all_of))


def slot_of(daemon):
    return daemon.status()["programs"][0]


def tx_of(dump, address):
    return sum(line["tx_packets"] for line in dump["addresses"] if line["address"] == address)


def steady(context, network, **more):
    """Endless IPv4 among few addresses, so that DROPPED is one of them often."""
    return Traffic(context, network, addresses=50, mix="v4", rate=60_000,
                   **more).start()


def check_filter(daemon, counter, *everyone):
    """Both have met every packet, and agree on who sent what was dropped."""
    dump = exact(daemon, *everyone)
    dropped, met = counter.counts()
    check_equal(met, sum(one.sent() for one in everyone), "packets that xdp-filter met")
    check_equal(dropped, tx_of(dump, DROPPED), f"packets of {DROPPED} that xdp-filter dropped")
    check(dropped > 0, "nothing to drop was sent")
    return dump


def programs_on(network, device="rx0"):
    """Names and ids of what is behind the dispatcher, first who runs first."""
    text = network.inside(network.receiver, "xdp-loader", "status", device).stdout
    return [(name, int(number)) for name, number in
            re.findall(r"^ => +\d+ +(\S+) +(\d+) ", text, re.MULTILINE)]


def kill_in_the_middle(daemon):
    """Begin an upgrade and kill the supervisor when its first dispatcher is about to come."""
    before, helpers = set(os.listdir(PINS)), children(daemon.process.pid)
    daemon.process.send_signal(signal.SIGHUP)
    # libxdp pins a dispatcher before it puts it on the device, and is left to end what it began.
    wait_for(lambda: set(os.listdir(PINS)) - before, "another dispatcher")
    daemon.process.kill()
    daemon.process.wait()
    for pid in helpers:
        wait_end(pid, f"collector {pid} ends")
    wait_for(lambda: len(os.listdir(PINS)) == len(before), "libxdp ends")


@test(limit_s=240, guest="only")
def filter_that_was_there_first_and_we_go_on_through_everything(context):
    """IPACCT_TEST_ROUNDS: so many upgrades instead of four."""
    network = Network(context)
    counter = Filter(context, network).load()
    daemon, path = with_config(context, network, CONFIG)
    daemon.start()  # attach: auto
    check_equal(slot_of(daemon)["attach"], "dispatcher", "attach")
    check_equal([name for name, _ in programs_on(network)], ["ipacct_xdp", "xdpfilt_alw_ip"],
                "programs in their order")
    traffic = steady(context, network)
    programs = {slot_of(daemon)["prog_id"]}
    daemon.kill()
    daemon.start()
    check_equal(slot_of(daemon)["prog_id"], *programs, "program after a kill")
    rounds = int(os.environ.get("IPACCT_TEST_ROUNDS") or scaled(50, 3))
    for number in range(rounds):
        write(path, CONFIG + PROTECTED[number % 2])
        daemon.process.send_signal(signal.SIGHUP)  # ipacctctl waits 10 s, a slow guest may need more
        wait_for(lambda: slot_of(daemon)["prog_id"] not in programs, "another program")
        programs.add(slot_of(daemon)["prog_id"])
    write(path, CONFIG + PROTECTED[rounds % 2])
    kill_in_the_middle(daemon)
    check_equal([name for name, _ in programs_on(network)],
                ["ipacct_xdp", "ipacct_xdp", "xdpfilt_alw_ip"], "in the middle of an upgrade")
    daemon.start()
    check_equal(slot_of(daemon)["dispatcher"], {"position": 0, "programs": 2}, "status")
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    check_filter(daemon, counter, traffic)
    daemon.ctl("detach")
    check_equal([name for name, _ in programs_on(network)], ["xdpfilt_alw_ip"], "what is left")
    after = Traffic(context, network, packets=1000, addresses=50, mix="v4").start()
    after.finish()
    wait_for(lambda: counter.counts()[1] >= traffic.sent() + after.sent(), "the filter goes on")
    context.note(f"{rounds + 1} upgrades, {traffic.sent()} packets")


@test(limit_s=240, guest="one")
def filter_that_comes_later_and_goes_again_changes_no_count(context):
    network = Network(context)
    daemon = Daemon(context, network, "--attach", "dispatcher").start()
    first = slot_of(daemon)["prog_id"]
    traffic = steady(context, network)
    counter = Filter(context, network).load()
    check_equal([name for name, _ in programs_on(network)], ["ipacct_xdp", "xdpfilt_alw_ip"],
                "programs in their order")
    daemon.stop()
    counter.run("unload", "rx0")  # nobody is there to see it
    daemon.start()
    check_equal(slot_of(daemon)["prog_id"], first, "program")
    counter.load()
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(daemon, traffic)
    before, sent_before = counter.counts(), tx_of(daemon.dump(), DROPPED)
    second = Traffic(context, network, packets=scaled(20_000, 2000), addresses=50,
                     mix="v4").start()
    second.finish()
    dump = exact(daemon, traffic, second)
    dropped, met = (now - then for now, then in zip(counter.counts(), before))
    check_equal((dropped, met), (tx_of(dump, DROPPED) - sent_before, second.sent()),
                "what the filter dropped and met of the second run")
    link = Daemon(context, network, "--attach", "link")
    link.refuse(code=1, words=["rx0", "already has the XDP program", "xdp_dispatcher"])
    daemon.ctl("detach")
    counter.run("unload", "rx0")
    check_equal(network.xdp_attached(), 0, "dispatcher that is empty")


@test(limit_s=120, guest="one")
def program_that_somebody_unloads_comes_back(context):
    network = Network(context)
    Filter(context, network).load()
    daemon = Daemon(context, network).start()
    first = Traffic(context, network, packets=1000, addresses=50).start()
    first.finish()
    settle(daemon, first)
    lost = slot_of(daemon)["prog_id"]
    network.inside(network.receiver, "xdp-loader", "unload", "rx0", "--id", lost, limit_s=10)
    wait_for(lambda: slot_of(daemon).get("prog_id", lost) != lost, "another program of ours")
    check_equal([name for name, _ in programs_on(network)], ["ipacct_xdp", "xdpfilt_alw_ip"],
                "programs in their order")
    check("removed our program" in daemon.log(), daemon.log()[-1000:])
    second = Traffic(context, network, packets=1000, addresses=50, seed=2).start()
    second.finish()
    exact(daemon, first, second)
    # The whole dispatcher: the filter is gone with it, ours is back (auto: now by a link).
    run("ip", "-n", network.receiver, "link", "set", "dev", "rx0", "xdp", "off")
    wait_for(lambda: slot_of(daemon)["attach"] == "link", "a link")
    other = Daemon(context, network, "--attach", "dispatcher")
    other.refuse(code=1, words=["rx0", "already has the XDP program", "ipacct_xdp"])
    daemon.ctl("detach")
    check_equal(network.xdp_attached(), 0, "what is left")


@test()
def dispatcher_is_refused_where_the_kernel_has_none(context):
    network = Network(context)
    place = Place(context)
    before = place.pins()
    daemon = Daemon(context, network, "--attach", "dispatcher", place=place)
    done = run(*daemon.command("--dry-run"), expect=None)
    if done.returncode == 0:
        raise Skip("this kernel runs libxdp's dispatcher")
    daemon.refuse(code=1, words=["rx0", "no libxdp dispatcher here", "attach: link"])
    check_equal((network.xdp_attached(), place.pins()), (0, before), "what was changed")
    check(not os.path.exists(os.path.join(place.runtime, "ledger")), "a ledger was made")
    daemon.options[daemon.options.index("dispatcher")] = "auto"
    daemon.start()
    check_equal(slot_of(daemon)["attach"], "link", "attach: auto")
