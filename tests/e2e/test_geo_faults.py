# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the geo worker and its files; counting never notices."""

import os
import shutil
import signal
import struct
import time

from geo import (CITIES, GeoFile, crashing_database, greedy_database, large_database,
                 make_database, random_addresses, send_and_cut, with_database)
from harness import Daemon, Network, Place, alive, run, status_field, user_ids, write
from tap import check, check_equal, test, wait_for
from traffic import Traffic

AUSTRIA = [["9.0.0.0/8", {"country": {"iso_code": "AT", "names": {"en": "Austria"}}}]]


def geo_status(daemon):
    return daemon.status()["geo"]


def worker(daemon, other_than=0):
    """The pid of a running worker that is not this one."""
    return wait_for(lambda: (lambda pid: pid != other_than and pid)(geo_status(daemon)["pid"]),
                    "a geo worker")


def state(daemon, index=0):
    return geo_status(daemon)["databases"][index]["state"]


def lines(daemon, *words):
    return [line for line in daemon.log().splitlines() if all(word in line for word in words)]


def country(geo, address):
    record = geo.answers()[address]
    return record and record["country"]


@test(limit_s=60, guest=False)
def geo_worker_has_no_privilege_no_network_and_no_way_to_a_file(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    pid = worker(daemon)
    # The filter is the last thing it does before it reads anything.
    wait_for(lambda: status_field(pid, "Seccomp") == ["2"], "the filter of the worker")
    user, group = user_ids()
    check_equal(status_field(pid, "Uid"), [str(user)] * 4, "Uid")
    check_equal(status_field(pid, "Gid"), [str(group)] * 4, "Gid")
    check(status_field(pid, "Groups") in ([], [str(group)]), "supplementary groups")
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check_equal(status_field(pid, field), ["0" * 16], field)
    check_equal(status_field(pid, "NoNewPrivs"), ["1"], "NoNewPrivs")
    spaces = {os.readlink(f"/proc/{one}/ns/net") for one in
              (pid, daemon.process.pid, os.getpid())}
    check_equal(len(spaces), 3, "network namespaces of worker, daemon and test")
    interfaces = run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "link").stdout
    check_equal(len(interfaces.splitlines()), 1, f"interfaces there: {interfaces}")
    check("lo:" in interfaces and "state DOWN" in interfaces, f"loopback: {interfaces}")
    wait_for(lambda: GeoFile(place).header()["generation"], "it works")
    files = [os.readlink(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")]
    check(not any(place.runtime in one for one in files), f"descriptors: {files}")
    check(not any("bpf" in one for one in files), f"descriptors: {files}")
    stat = os.stat(os.path.join(place.runtime, "geo"))
    check_equal((stat.st_uid, stat.st_gid, stat.st_mode & 0o7777), (0, group, 0o640), "geo file")


@test(limit_s=60, guest=False)
def geo_without_databases_there_is_no_worker_and_no_file(context):
    network = Network(context)
    place = Place(context)
    os.mkdir(place.runtime, 0o750)
    write(os.path.join(place.runtime, "geo"), "left by somebody")
    daemon = Daemon(context, network, place=place).start()
    check_equal(geo_status(daemon), None, "geo in the status")
    check(not os.path.exists(os.path.join(place.runtime, "geo")), "a geo file is there")
    check("geo" not in daemon.ctl("status").stdout, "geo in the text")


@test(limit_s=120, guest=False)
def geo_whatever_happens_to_a_database_the_old_data_stay(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    load = Traffic(context, network, addresses=2000, rate=20_000).start()
    send_and_cut(daemon, network, ["9.1.1.1"])
    geo = GeoFile(place)
    wait_for(lambda: country(geo, "9.1.1.1") == "DE", "the first answer")
    pid = worker(daemon)
    with open(path, "rb") as file:
        good = file.read()

    def in_place(content):
        with open(path, "r+b") as out:
            out.truncate(0)
            out.write(content)

    def by_rename(content):
        with open(path + ".new", "wb") as out:
            out.write(content)
        os.rename(path + ".new", path)

    flipped = bytearray(good)
    for at in range(0, len(good) // 2, 3):
        flipped[at] ^= 0xff
    faults = (
        ("truncated to nothing in place", lambda: os.truncate(path, 0)),
        ("half written in place", lambda: in_place(good[:len(good) // 2])),
        ("half of it renamed", lambda: by_rename(good[:len(good) // 2])),
        ("random bytes", lambda: by_rename(bytes(range(256)) * 64)),
        ("damaged in the middle", lambda: by_rename(bytes(flipped))),
        ("another kind", lambda: make_database(
            path, [["9.0.0.0/8", {"is_anonymous": "yes"}]], "Anonymous-IP")),
        ("removed", lambda: os.unlink(path)),
        ("a directory", lambda: (os.unlink(path), os.mkdir(path))),
    )
    for number, (what, break_it) in enumerate(faults):
        said = len(lines(daemon, "ipacctd geo", path))
        break_it()
        # Known addresses keep their answers, and new ones get theirs from the copy.
        wait_for(lambda: state(daemon) == "not_usable", f"{what}: state", limit_s=3)
        fresh = f"9.2.{number}.1"
        send_and_cut(daemon, network, [fresh, "9.1.1.1"])
        wait_for(lambda one=fresh: country(geo, one) == "DE", f"{what}: a new address")
        check_equal(country(geo, "9.1.1.1"), "DE", f"{what}: a known address")
        # A few ticks: nothing more is said.
        last = geo.header()["updated_ns"]
        wait_for(lambda stamp=last: geo.header()["updated_ns"] > stamp + 500_000_000, "ticks")
        new = lines(daemon, "ipacctd geo", path)[said:]
        # Two changes, removed and another thing in its place, may be seen one by one.
        check(len(new) == 1 or (len(new) == 2 and what == "a directory"), f"{what}: {new}")
        check(all("stays in use" in one for one in new), f"{what}: {new}")
        if os.path.isdir(path):
            os.rmdir(path)
        by_rename(good)
        wait_for(lambda: state(daemon) == "in_use", f"{what}: mended", limit_s=3)
    check_equal(worker(daemon), pid, "the worker")
    check_equal(geo_status(daemon)["restarts"], 0, "restarts")
    load.finish()
    wait_for(lambda: daemon.cut() and daemon.seen() >= load.sent(), "counting")
    daemon.ctl("verify")


def hostile_database_is_left_alone(context, make_hostile, death):
    network = Network(context)
    place = Place(context)
    paths = [os.path.join(place.base, name) for name in ("city", "asn")]
    make_database(paths[0], CITIES)
    make_database(paths[1], [["9.0.0.0/8", {"autonomous_system_number": 64500}]], "ASN")
    daemon = Daemon(context, network, "--geo-database", paths[0], "--geo-database", paths[1],
                    place=place).start()
    load = Traffic(context, network, addresses=2000, rate=20_000).start()
    send_and_cut(daemon, network, ["9.1.1.1"])
    geo = GeoFile(place)
    wait_for(lambda: country(geo, "9.1.1.1") == "DE", "the first answer")
    collector = daemon.pid_of_collector()
    first = worker(daemon)
    make_hostile(paths[0])
    wait_for(lambda: lines(daemon, "killed the worker"), "its judgement", limit_s=10)
    wait_for(lambda: state(daemon) == "not_usable" and state(daemon, 1) == "in_use", "states")
    check(lines(daemon, f"the geo worker ended ({death})"), f"the supervisor's line: {daemon.log()}")
    check_equal(geo_status(daemon)["restarts"], 2, "deaths until it was left alone")
    check(worker(daemon) != first, "the same worker")
    send_and_cut(daemon, network, ["9.2.2.2"])
    wait_for(lambda: geo.answers()["9.2.2.2"], "a new address")
    check_equal((country(geo, "9.2.2.2"), geo.answers()["9.2.2.2"]["asn"]), (None, 64500),
                "what the other database knows")
    check_equal((country(geo, "9.1.1.1"), geo.answers()["9.1.1.1"]["asn"]), ("DE", 64500),
                "what was known stays")
    make_database(paths[0], AUSTRIA)
    wait_for(lambda: state(daemon) == "in_use", "mended", limit_s=3)
    wait_for(lambda: country(geo, "9.2.2.2") == "AT", "the answer of the new file")
    check_equal(country(geo, "9.1.1.1"), "AT", "known addresses likewise")
    check_equal(daemon.pid_of_collector(), collector, "the collector")
    load.finish()
    daemon.cut()
    daemon.ctl("verify")


@test(limit_s=120, guest=False)
def geo_database_that_crashes_the_worker_is_left_alone(context):
    hostile_database_is_left_alone(context, crashing_database, "signal 11")


@test(limit_s=120, guest=False)
def geo_database_that_takes_all_memory_is_left_alone(context):
    hostile_database_is_left_alone(context, greedy_database, "exit status 1")


@test(limit_s=60, guest=False)
def geo_killed_worker_is_back_within_a_second_and_repairs(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    addresses = ["9.1.1.1", "8.8.8.8", "11.1.1.1"] + random_addresses(2000, 1, 4)
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    before = geo.settled(len(addresses))
    answers = geo.answers()
    for _ in range(3):
        pid = worker(daemon)
        # As if it had died in the middle of these records: odd, with half of the content.
        with open(geo.path, "r+b") as out:
            for index in range(0, 300, 3):
                out.seek(4096 + 64 * index)
                sequence, = struct.unpack("=I", out.read(4))
                out.seek(4096 + 64 * index)
                out.write(struct.pack("=I", sequence | 1) + os.urandom(30))
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        worker(daemon, other_than=pid)
        took = time.monotonic() - killed
        check(took < 1, f"{took:.2f} s until the next worker")
        wait_for(lambda: all(geo.raw(i)["sequence"] % 2 == 0 and geo.raw(i)["sequence"]
                             for i in range(300)), "all records repaired")
    after = geo.settled(len(addresses))
    strip = ("sequence",)
    check_equal([{k: v for k, v in one.items() if k not in strip}
                 for one in geo.answers().values()],
                [{k: v for k, v in one.items() if k not in strip} for one in answers.values()],
                "answers")
    check_equal(after["generation"], before["generation"], "generation")
    check_equal(after["lookups"], before["lookups"] + 300, "look-ups: only what was repaired")


@test(limit_s=120, guest=False)
def geo_answers_outlive_kills_in_the_middle_of_a_pass(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    load = Traffic(context, network, addresses=2000, rate=20_000).start()
    addresses = random_addresses(20_000, 1, 4)
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    geo.settled(len(addresses))
    odd = 0
    for number in range(5):
        pid = worker(daemon)
        shutil.copy(path, path + ".new")
        os.rename(path + ".new", path)  # the same content, another file: a whole pass
        wait_for(lambda old=number: geo.header()["generation"] > old + 1, "a new generation")
        os.kill(pid, signal.SIGKILL)
        odd += sum(geo.raw(i)["sequence"] & 1 for i in range(20_000))
        worker(daemon, other_than=pid)
    geo.settled(len(addresses))
    for address in addresses[::40]:
        first = address.split(".")[0]
        expected = "DE" if first == "9" else None
        check_equal(country_at(geo, addresses, address), expected, address)
    check(load.running(), "the load ended too early")
    load.finish()
    wait_for(lambda: daemon.cut() and daemon.seen() >= load.sent() + len(addresses), "counting")
    daemon.ctl("verify")
    context.note(f"{odd} records caught half written")


def country_at(geo, addresses, address):
    """Through one reading of the file for all addresses."""
    if not hasattr(geo, "cache"):
        geo.cache = geo.answers()
    del addresses
    return geo.cache[address]["country"]


@test(limit_s=60, guest=False)
def geo_worker_ends_with_its_supervisor_and_the_next_asks_nothing(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    addresses = random_addresses(3000, 1, 4)
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    before = geo.settled(len(addresses))
    for end in (daemon.kill, daemon.stop):
        pid = worker(daemon)
        end()
        check(not alive(pid), f"worker {pid} is still there")
        daemon.start()
        worker(daemon)
        wait_for(lambda: state(daemon) == "in_use", "the database")
        after = geo.settled(len(addresses))
        check_equal((after["lookups"], after["generation"]),
                    (before["lookups"], before["generation"]), "look-ups, generation")
    check_equal(os.stat(geo.path).st_ino, os.fstat(os.open(geo.path, os.O_RDONLY)).st_ino, "inode")


@test(limit_s=60, guest=False)
def geo_reload_takes_a_good_list_and_refuses_a_broken_one(context):
    network = Network(context)
    place, path = with_database(context)
    prefixes = os.path.join(place.base, "prefixes")
    config = os.path.join(place.base, "ipacct.yaml")
    plain = "interval: 200ms\ninterfaces: [{name: rx0}]\n"
    write(config, plain)
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", config]
    daemon.start()
    send_and_cut(daemon, network, ["9.1.1.1"])
    check_equal(geo_status(daemon), None, "geo before it is wanted")

    write(prefixes, "9.0.0.0/8 name=first\n")
    wanted = f"geo_databases: [{path}]\ngeo_overrides: {prefixes}\n"
    # The maps took what the budget has; more room for geo does not touch them.
    write(config, plain + wanted)
    done = daemon.ctl("reload", expect=78)
    check("geo takes" in done.stderr and "raise `memory`" in done.stderr, f"{done.stderr}")
    check_equal(geo_status(daemon), None, "after a refused reload")
    plain += "memory: 384M\n"
    write(config, plain + wanted)
    daemon.ctl("reload")
    worker(daemon)
    geo = GeoFile(place)

    def name():
        record = geo.answers()["9.1.1.1"]
        return record and (record["country"], record["name"])

    wait_for(lambda: name() == ("DE", "first"), "the first name")
    write(prefixes, "9.0.0.0/8 name=second\n9.0.0.0/33 name=x\n")
    done = daemon.ctl("reload", expect=78)
    check(f"{prefixes}:2:9:" in done.stderr, f"the position in: {done.stderr}")
    check_equal(name(), ("DE", "first"), "after a refused reload")
    done = run(*daemon.command("--check-config"), expect=78)
    check(f"{prefixes}:2:9:" in done.stderr, f"the position in: {done.stderr}")
    write(prefixes, "9.0.0.0/8 name=second\n")
    pid = worker(daemon)
    daemon.ctl("reload")
    wait_for(lambda: name() == ("DE", "second"), "the second name")
    check_equal(worker(daemon), pid, "the worker")
    lookups = geo.header()["lookups"]
    daemon.ctl("reload")
    write(config, plain)
    daemon.ctl("reload")
    wait_for(lambda: geo_status(daemon) is None, "no geo any more")
    check(not alive(pid), "the worker is still there")
    check(not os.path.exists(geo.path), "the file is still there")
    check_equal(geo.header()["lookups"], lookups, "look-ups of a reload without a change")


@test(limit_s=60, guest=False)
def geo_broken_list_at_start_is_refused(context):
    network = Network(context)
    place = Place(context)
    prefixes = os.path.join(place.base, "prefixes")
    write(prefixes, "# mine\n9.0.0.0/8 nam=x\n")
    daemon = Daemon(context, network, "--geo-overrides", prefixes, place=place)
    daemon.refuse(code=78, words=[f"{prefixes}:2:11:", "unknown key"])
    daemon.refuse("--check-config", code=78, words=[f"{prefixes}:2:11:"])
    check_equal(network.xdp_attached(), 0, "program")


@test(limit_s=60, guest=False)
def geo_database_may_come_later_and_must_be_readable(context):
    network = Network(context)
    place = Place(context)
    folder = os.path.join(place.base, "GeoIP")
    path = os.path.join(folder, "city.mmdb")
    daemon = Daemon(context, network, "--geo-database", path, place=place).start()
    send_and_cut(daemon, network, ["9.1.1.1"])
    geo = GeoFile(place)
    wait_for(lambda: geo.answers()["9.1.1.1"], "an answer of nobody")
    check_equal((country(geo, "9.1.1.1"), state(daemon)), (None, "not_usable"), "without a file")
    os.mkdir(folder)
    make_database(path, CITIES)
    wait_for(lambda: country(geo, "9.1.1.1") == "DE", "the folder and the file", limit_s=3)
    make_database(path + ".2", AUSTRIA)
    os.chmod(path + ".2", 0o600)
    os.rename(path + ".2", path)
    wait_for(lambda: lines(daemon, path, "Permission denied"), "the line about permissions")
    check_equal(country(geo, "9.1.1.1"), "DE", "the old data")
    os.chmod(path, 0o644)
    wait_for(lambda: country(geo, "9.1.1.1") == "AT", "readable", limit_s=3)


@test(limit_s=60, guest=False)
def geo_larger_database_finds_room_by_a_reload(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place, memory="96M").start()
    send_and_cut(daemon, network, ["9.1.1.1"])
    geo = GeoFile(place)
    wait_for(lambda: country(geo, "9.1.1.1") == "DE", "the small one")
    pid = worker(daemon)
    large_database(path, 4 << 20, "AT")
    wait_for(lambda: lines(daemon, path, "there is room for", "reload"), "the line about room")
    check_equal((country(geo, "9.1.1.1"), state(daemon)), ("DE", "not_usable"), "the old data")
    done = daemon.ctl("reload", expect=78)
    check("geo takes" in done.stderr, f"the arithmetic: {done.stderr}")
    daemon.stop()
    daemon.options[daemon.options.index("96M")] = "128M"
    daemon.start()
    check(worker(daemon) != pid, "the same worker")
    geo = GeoFile(place)
    wait_for(lambda: country(geo, "9.1.1.1") == "AT", "the large one")


@test(limit_s=60, guest=False)
def geo_file_grows_with_the_ledger(context):
    network = Network(context)
    place, path = with_database(context)
    daemon = Daemon(context, network, "--geo-database", path, place=place, memory="64M").start()
    addresses = random_addresses(3000, 1, 4)
    send_and_cut(daemon, network, addresses)
    geo = GeoFile(place)
    small = geo.settled(len(addresses))
    daemon.stop()
    daemon.options[daemon.options.index("64M")] = "128M"
    daemon.start()
    worker(daemon)
    check(GeoFile(place).header()["n_records_max"] > small["n_records_max"], "more records")
    geo = GeoFile(place)
    geo.settled(len(addresses))
    check(all(geo.answers().values()), "an address without an answer")
    check_equal(geo.header()["file_bytes"], os.path.getsize(geo.path), "size")


@test(limit_s=60, guest=False)
def geo_file_full_of_old_names_is_begun_anew(context):
    network = Network(context)
    place = Place(context)
    path = os.path.join(place.base, "asn")

    def names(letter):
        return [[f"9.{i // 256}.{i % 256}.0/24", {"autonomous_system_number": 1 + i,
                 "autonomous_system_organization": f"{letter}{i}" + "x" * 90}]
                for i in range(n_names)]

    n_names = 1
    make_database(path, names("a"), "ASN")
    daemon = Daemon(context, network, "--geo-database", path, place=place, memory="32M").start()
    geo = GeoFile(place)
    # Two thirds of the table each: the second set finds no room beside the first.
    n_names = geo.header()["strings_bytes_max"] * 2 // 3 // 100
    addresses = [f"9.{i // 256}.{i % 256}.1" for i in range(n_names)]
    make_database(path, names("a"), "ASN")
    # So little memory holds few new addresses a cut.
    for at in range(0, len(addresses), 200):
        send_and_cut(daemon, network, addresses[at:at + 200])
    wait_for(lambda: geo.header()["generation"] == 2, "the database")
    header = geo.settled(len(addresses))
    check_equal(header["strings_full"], 0, "names left out")
    inode = os.stat(geo.path).st_ino
    make_database(path, names("b"), "ASN")
    wait_for(lambda: os.stat(geo.path).st_ino != inode, "an empty file")
    geo = GeoFile(place)
    header = geo.settled(len(addresses))
    check_equal((header["strings_full"], header["generation"]), (0, 1), "in the new file")
    for i, address in enumerate(addresses[:50]):
        check_equal(geo.answers()[address]["as_org"], f"b{i}" + "x" * 90, address)
    check_equal(geo_status(daemon)["restarts"], 1, "restarts")


@test(limit_s=60, guest=False)
def geo_that_does_not_fit_the_budget_is_refused(context):
    network = Network(context)
    place, path = with_database(context)
    with open(path, "ab") as out:
        out.truncate(64 << 20)
    daemon = Daemon(context, network, "--geo-database", path, place=place, memory="48M")
    daemon.refuse(code=78, words=["memory 48.0 MiB is too small", "geo 8"])
    check(not os.path.exists(os.path.join(place.runtime, "ledger")), "a ledger was made")
    # Maps that are there already go on counting without it.
    make_database(path, CITIES)
    plain = Daemon(context, network, place=place, memory="48M").start()
    plain.stop()
    daemon.start()
    check(lines(daemon, "no geo", "raise `memory`"), f"what became of geo: {daemon.log()}")
    check_equal(geo_status(daemon)["state"], "refused", "state")
    # What there was no room for before is no reason to refuse what else a reload brings.
    daemon.ctl("reload")
    check_equal(len(lines(daemon, "no geo", "raise `memory`")), 2, "said again")
    check_equal(geo_status(daemon)["state"], "refused", "state after a reload")
    daemon.stop()
    daemon.options[daemon.options.index("48M")] = "96M"
    daemon.start()
    worker(daemon)
    check_equal(geo_status(daemon)["state"], "running", "state")
