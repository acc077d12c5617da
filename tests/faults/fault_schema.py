# SPDX-License-Identifier: GPL-2.0-or-later
"""A next release lays its records out otherwise (next_layout.py) and finds ours counting."""

import contextlib
import json
import os

import bpf
from dying import crash_once, link_of
from harness import CRASH_BUILD, Daemon, Network, Place, program, run, scaled
from tap import SLOW, check, check_equal, test, wait_for
from traffic import Traffic, exact
from upgrade import (DRAINED, NEXT_BUILD, SMALL, aside, left_by_old, left_without_ledger, names,
                     next_daemon, seen_so_far, settled)


@test(limit_s=90, crash_build=True, fault="T-SCHEMA", guest=True)
def another_layout_is_taken_over_under_traffic(context):
    network, place = Network(context), Place(context)
    groups = os.path.join(place.base, "groups")
    with open(groups, "w", encoding="utf-8") as out:
        out.write("2000::/3 six\n0.0.0.0/0 four\n")  # verify holds their sums against the rest
    fresh = next_daemon(context, network, place, "--groups-file", groups)
    old, traffic = left_by_old(context, network, place, "--groups-file", groups)
    link, before = link_of(old)
    fresh.start()
    settled(fresh)
    after_link, after = link_of(fresh)
    check_equal(after_link, link, "the link was never another one")
    check(after != before, "the program is still the old one")
    check_equal(fresh.log().count(DRAINED), 1, "sets of maps that were drained")
    seen_so_far(fresh, fresh.seen() + scaled(5000, 500))
    fresh.kill()
    fresh.start()
    check_equal(fresh.log().count(DRAINED), 1, "what a second start finds to drain")
    check(traffic.running(), "the traffic ended too early")
    traffic.finish()
    exact(fresh, traffic)
    fresh.stop()
    left = network.xdp_attached(), place.pins()
    old.refuse(code=78, words=["version 2", "version 1"])
    check_equal((network.xdp_attached(), place.pins()), left, "after an older ipacctd")
    context.note(f"{traffic.sent()} packets over the upgrade, every address exact")


@test(limit_s=90, crash_build=True, fault="T-SCHEMA")
def another_layout_with_full_tables_is_taken_over(context):
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place, memory="32M")
    old = Daemon(context, network, place=place, build=CRASH_BUILD, memory="32M", interval="1h")
    old.start()
    crowd = scaled(60_000, 30_000)  # more than maps and ledger of this size have room for
    first = Traffic(context, network, packets=4 * crowd, addresses=crowd).start()
    first.finish()
    old.kill()
    second = Traffic(context, network, packets=4 * crowd, addresses=crowd, seed=2).start()
    second.finish()
    fresh.start()
    settled(fresh)
    dump = exact(fresh, first, second, rollups=True)
    rolled = sum(line["tx_packets"] for line in dump["rollups"])
    lengths = {line["prefix"].split("/")[1] for line in dump["rollups"]}
    check(rolled > crowd / 100, f"only {rolled} packets in roll-ups")
    context.note(f"{rolled} packets in {len(dump['rollups'])} roll-ups of lengths {sorted(lengths)}")


# Where the ledger names the old set already these are not passed, or show less.
WITHOUT_LEDGER = ("drain_joined", "takeover_carried", "drain_published", "drain_marked")


def steps_of_upgrade():
    listed = run(program("ipacctd", NEXT_BUILD), "-i", "lo",
                 env=dict(os.environ, IPACCT_CRASH_AT="list_upgrade")).stdout.split()
    check(len(listed) >= 10, f"only these steps: {listed}")
    # Of the cut that a drained epoch is, and of the second epoch.
    return listed + ["claiming", "unstamped", "stamped#30", "series", "applied", "committed",
                     "drain_read#2", "drain_published#2", "takeover_moving#9",
                     "takeover_removing#9"]


@test(limit_s=480, crash_build=True, fault="T-SCHEMA")
def killed_at_every_step_of_an_upgrade(context):
    network = Network(context)
    next_daemon(context, network, Place(context))  # or skipped
    steps, n_sent = steps_of_upgrade(), 0
    for step in steps if SLOW < 2 else steps[1::4]:
        place = Place(context)
        leave = left_without_ledger if step in WITHOUT_LEDGER else left_by_old
        old, traffic = leave(context, network, place, *SMALL)
        fresh = next_daemon(context, network, place, *SMALL)
        link, _ = link_of(old)
        crash_once(fresh, step)
        an_older_one_comes(old, step)
        fresh.start()
        settled(fresh)
        drained = fresh.log().count(DRAINED)
        check_equal(link_of(fresh)[0], link, f"the link after {step}")
        if step in ("committed", "drain_marked", "takeover_drained"):
            fresh.kill()
            fresh.start()
            check_equal(fresh.log().count(DRAINED), drained, f"a second start after {step}")
        check(traffic.running(), "the traffic ended too early")
        traffic.finish()
        exact(fresh, traffic)
        n_sent += traffic.sent()
        fresh.ctl("detach")
        wait_for(lambda one=fresh: one.process.poll() is not None, "ipacctd ends")
    context.note(f"{len(steps)} steps, {n_sent} packets: {' '.join(steps)}")


def an_older_one_comes(old, step):
    """Somebody goes back in the middle of an upgrade."""
    if step in ("takeover_moving", "takeover_moving#9", "takeover_moved", "takeover_carried"):
        old.start()  # nothing of a later version is there yet: it goes on, with its maps or new ones
        settled(old)
        old.stop()
    if step in ("takeover_pinned", "ledger_kept", "takeover_replaced", "drain_published"):
        pins = old.place.pins()
        old.refuse(code=78, words=["version 2", "version 1"])
        check_equal(old.place.pins(), pins, f"pins after {step} and an older ipacctd")


@test(limit_s=120, crash_build=True, fault="T-SCHEMA")
def upgrade_that_cannot_begin_is_put_back(context):
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place, *SMALL)
    old, traffic = left_by_old(context, network, place, *SMALL)
    before = network.xdp_attached(), names(place)

    def refused(*words):
        fresh.refuse(code=1, words=words)
        check_equal((network.xdp_attached(), names(place)), before, "program and pins")

    os.mkdir(os.path.join(place.runtime, "ledger.new"))  # in the way of the converted ledger
    refused("ledger", "cannot convert")
    n_maps = sum(os.path.basename(name).startswith(("ipacct_", "lru_")) for name in before[1])
    for step in (f"takeover_moving#{n_maps + 3}", "takeover_removing#3"):
        crash_once(fresh, step)  # while they are put back
        check(names(place) != before[1], f"nothing was in the middle of anything at {step}")
        refused("ledger", "cannot convert")
    crash_once(fresh, f"takeover_moving#{n_maps + 3}")
    os.rmdir(os.path.join(place.runtime, "ledger.new"))
    old.start()  # with new maps, while the others are still half put back
    settled(old)
    seen_so_far(old, old.seen() + 1)
    old.stop()
    fresh.start()
    settled(fresh)
    traffic.finish()
    exact(fresh, traffic)


# struct ipacct_ledger_header of version 1: where, and what it cannot be.
DAMAGES = {"header_bytes": (12, 4095), "record_bytes": (16, 127), "interface_bytes": (20, 1905),
           "n_interfaces_max": (24, 65), "n_rollups_max": (28, 127), "n_series_max": (36, 2049),
           "more rollups": (28, 1 << 31), "more addresses": (32, 1 << 31), "cut": (68, 1 << 31),
           "n_rollups": (72, 1 << 31), "n_addresses": (76, 1 << 31), "n_groups_max": (336, 1 << 20),
           "n_groups": (340, 1)}


@test(limit_s=120, crash_build=True, fault="T-SCHEMA")
def what_cannot_be_taken_over_is_refused(context):
    """In words, and nothing is changed: the older ipacctd can go on."""
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place, *SMALL)
    _, traffic = left_by_old(context, network, place, *SMALL)

    def refused(*words, code=1):
        before = network.xdp_attached(), names(place)
        fresh.refuse(code=code, words=words)
        check_equal((network.xdp_attached(), names(place)), before, "program and pins")

    ledgers_refused(place, refused)
    maps_refused(place, refused)
    with dispatched(place):
        refused("dispatcher", "version 1", code=78)
    fresh.start()
    settled(fresh)
    traffic.finish()
    exact(fresh, traffic)


def ledgers_refused(place, refused):
    path = os.path.join(place.runtime, "ledger")
    with open(path, "r+b") as ledger:
        for offset, value in DAMAGES.values():
            octets = os.pread(ledger.fileno(), 4, offset)
            os.pwrite(ledger.fileno(), value.to_bytes(4, "little"), offset)
            refused("ledger", "damaged")
            os.pwrite(ledger.fileno(), octets, offset)
    size = os.path.getsize(path)
    os.truncate(path, size - 1)
    refused("ledger", "damaged")
    os.truncate(path, size)


def maps_refused(place, refused):
    """One is not there, two have each other's name."""
    roll, roll6, lru, hidden = (os.path.join(place.bpffs, name) for name in
                                ("ipacct_roll", "ipacct_roll6", "lru_1_0", "hidden"))
    for pin, words in ((lru, "lru_1_0"), (roll, "missing or of other sizes")):
        os.rename(pin, hidden)
        refused(words)
        os.rename(hidden, pin)
    for words in ("missing or of other sizes", None):  # there and back
        os.rename(roll, hidden)
        os.rename(roll6, roll)
        os.rename(hidden, roll6)
        if words:
            refused(words)


@contextlib.contextmanager
def dispatched(place):
    """Slot 0 as it is behind libxdp's dispatcher, which not every kernel has."""
    descriptor, slot = bpf.obj_get(os.path.join(place.bpffs, "ipacct_ifs")), bytes(4)
    record = bpf.lookup(descriptor, slot, 112)  # struct ipacct_interface of version 1 …
    bpf.update(descriptor, slot, record[:24] + b"\x02" + record[25:])  # … `attach`
    yield
    bpf.update(descriptor, slot, record)
    os.close(descriptor)


def arrived(network):
    """What the kernel has received on rx0."""
    done = run("ip", "-n", network.receiver, "-j", "-s", "link", "show", "dev", "rx0")
    return json.loads(done.stdout)[0]["stats64"]["rx"]["packets"]


@test(limit_s=120, crash_build=True, fault="T-SCHEMA", guest=True)
def two_sets_of_maps_are_drained(context):
    """An upgrade is killed, somebody goes back, that is killed as well, and so is the next upgrade."""
    network, place = Network(context), Place(context)
    fresh = next_daemon(context, network, place, *SMALL)
    old, traffic = left_by_old(context, network, place, *SMALL)
    link, _ = link_of(old)
    crash_once(fresh, "takeover_moved")
    crash_once(old, "drain_begin")  # its programs count into maps of its own by now
    check_equal(len(aside(place)), 1, "sets aside")
    least = arrived(network) + scaled(5000, 500)
    wait_for(lambda: arrived(network) >= least, "more packets")
    crash_once(fresh, "takeover_replaced")
    check_equal(len(aside(place)), 2, "sets aside")
    drained = fresh.log().count(DRAINED)
    crash_once(fresh, "drain_marked")  # before it could say so of the first set
    fresh.start()
    settled(fresh)
    check_equal(fresh.log().count(DRAINED) - drained, 1, "sets that were not drained yet")
    fresh.kill()
    fresh.start()
    check_equal(fresh.log().count(DRAINED) - drained, 1, "what a second start finds to drain")
    check_equal(link_of(fresh)[0], link, "the link")
    traffic.finish()
    exact(fresh, traffic)


@test(limit_s=60, crash_build=True, fault="T-SCHEMA")
def maps_of_another_layout_can_be_detached(context):
    for alone in (True, False):
        network, place = Network(context), Place(context)
        fresh = next_daemon(context, network, place)
        _, traffic = left_by_old(context, network, place)
        traffic.finish()
        if alone:
            fresh.ctl("detach")
        else:
            detach_while_it_drains(fresh)
        check_equal(network.xdp_attached(), 0, "attached program")
        # the kernel's own (bpf_preload) are in every bpffs
        left = [path for path in names(place) if not path.endswith(".debug")]
        check_equal(left, [], "pins")
        traffic.compare(fresh)


def detach_while_it_drains(fresh):
    """Somebody asks for it before the new ipacctd is ready."""
    path = os.path.join(fresh.place.runtime, "control")
    os.unlink(path)  # of the killed one
    ready = fresh.log().count("counting; control socket")
    fresh.spawn()
    wait_for(lambda: os.path.exists(path), "the control socket")
    check_equal(fresh.log().count("counting; control socket"), ready, "it is ready too early")
    reply = fresh.control("detach")
    check_equal(reply["exit"], 0, f"detach {reply}")
    wait_for(lambda: fresh.process.poll() is not None, "ipacctd ends")
    fresh.notify.close()
