# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting, refusing, reloading, ending: one clear error, the right exit code, nothing changed."""

import os
import struct

import bpf
from harness import Daemon, Network, Place, end_process, program, run, status_field, write
from tap import check, check_equal, test, wait_for
from traffic import Traffic, exact, settle

GOOD = """interval: 200ms
interfaces:
  - name: rx0
    mode: native
"""


def with_config(context, network, text):
    """A daemon that was started from a file."""
    place = Place(context)
    path = os.path.join(place.base, "ipacct.yaml")
    write(path, text)
    daemon = Daemon(context, network, place=place, interface=None)
    # The options that the harness gives would win over the file.
    daemon.options = ["-c", path]
    return daemon, path


def facts(daemon, network):
    """What a reload that is refused must not move."""
    status = daemon.status()
    return (network.xdp_attached(), daemon.place.pins(), status["interval_ns"],
            status["collector_pid"], [one["prog_id"] for one in status["programs"]])


@test(limit_s=60, guest=False)
def reload_takes_a_good_file_and_keeps_the_old_one_over_a_broken_one(context):
    network = Network(context)
    daemon, path = with_config(context, network, GOOD)
    daemon.start()
    before = facts(daemon, network)
    check_equal(before[2], 200_000_000, "interval of the file")
    traffic = Traffic(context, network, addresses=500, rate=20_000).start()

    write(path, GOOD.replace("interval: 200ms", "intervall: 200ms"))
    done = daemon.ctl("reload", expect=78)
    check(f"{path}:1:1:" in done.stderr and "interval" in done.stderr,
          f"the position and the right name in: {done.stderr}")
    check_equal(facts(daemon, network), before, "after a refused reload")
    os.kill(daemon.process.pid, 1)  # SIGHUP
    wait_for(lambda: f"{path}:1:1:" in daemon.log(), "the log line about the broken file")
    check_equal(facts(daemon, network), before, "after a refused SIGHUP")

    write(path, GOOD.replace("200ms", "300ms"))
    daemon.ctl("reload")
    wait_for(lambda: daemon.status()["interval_ns"] == 300_000_000, "the new interval")
    check_equal(network.xdp_attached(), before[0], "program")
    write(path, GOOD.replace("200ms", "400ms"))
    os.kill(daemon.process.pid, 1)
    wait_for(lambda: daemon.status()["interval_ns"] == 400_000_000, "the interval after SIGHUP")
    check_equal(network.xdp_attached(), before[0], "program")
    traffic.finish()
    exact(daemon, traffic)


def untouched(network, place, before):
    check_equal((network.xdp_attached(), place.pins()), before, "program and pins")


def refuse(context, network, *options, code, words, place=None, interface="rx0", **more):
    """Start with these options: refused, and nothing changed."""
    place = place or Place(context)
    before = network.xdp_attached(), place.pins()
    daemon = Daemon(context, network, place=place, interface=interface, **more)
    daemon.refuse(*options, code=code, words=words)
    untouched(network, place, before)
    return daemon


@test(limit_s=60, guest=False)
def missing_things_are_named(context):
    network = Network(context)
    refuse(context, network, interface="nic7", code=1, words=["nic7"])
    refuse(context, network, "--user", "nobody-such", code=1, words=["nobody-such", "useradd"])
    refuse(context, network, "--bpffs", "/run/ipacct-none", code=1, words=["/run/ipacct-none"])
    refuse(context, network, "--interval", "5", code=2, words=["interval"])
    refuse(context, network, "--no-such-option", code=2, words=["no-such-option"])
    refuse(context, network, "--memory", "1K", code=2, words=["memory"])
    refuse(context, network, "-c", "/run/ipacct-none.yaml", code=78,
           words=["/run/ipacct-none.yaml"])


@test(limit_s=30)
def tmpfs_in_place_of_bpffs_is_refused(context):
    network = Network(context)
    place = Place(context, mount=False)
    place.mount("tmpfs")
    context.callback(place.unmount)
    refuse(context, network, place=place, code=1, words=["bpf"])


@test(limit_s=30, guest=False)
def without_root_it_says_so(context):
    network = Network(context)
    place = Place(context)
    # In our own namespace: entering another one needs the privilege, too.
    done = run(program("ipacctd"), "-i", "lo", "--runtime-dir", place.runtime, "--bpffs",
               place.bpffs, expect=None, user=65534, group=65534, extra_groups=[])
    check_equal(done.returncode, 1, f"exit code: {done.stderr}")
    check("root" in done.stderr or "privilege" in done.stderr or "CAP_" in done.stderr,
          f"what is missing: {done.stderr}")
    check_equal(network.xdp_attached(), 0, "program")


@test(limit_s=60, guest=False)
def second_daemon_waits_and_gives_way(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    before = network.xdp_attached(), daemon.place.pins()
    second = Daemon(context, network, place=daemon.place)
    second.refuse(code=75, words=["another ipacctd", daemon.place.runtime])
    untouched(network, daemon.place, before)
    daemon.cut()


@test(limit_s=60)
def another_abi_version_is_refused(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    daemon.stop()
    pin = os.path.join(daemon.place.bpffs, "ipacct_meta")
    old = bpf.obj_get(pin)
    value_bytes = bpf.map_sizes(old)[3]
    value = bytearray(bpf.lookup(old, bytes(4), value_bytes))
    magic, version = struct.unpack_from("=II", value)
    struct.pack_into("=I", value, 4, version + 1)
    other = bpf.array_create(value_bytes, 1, "ipacct_meta")
    bpf.update(other, bytes(4), bytes(value))
    os.unlink(pin)
    bpf.obj_pin(other, pin)
    os.close(old)
    before = network.xdp_attached(), daemon.place.pins()
    check_equal(magic, 0x69706163, "magic")
    daemon.refuse(code=78, words=[str(version), str(version + 1)])
    untouched(network, daemon.place, before)
    for name, words in (("ipacct-dump", ["--live"]), ("ipacctctl", ["verify"])):
        done = daemon.tool(name, *words, expect=None)
        check_equal(done.returncode, 78, f"{name}: {done.stderr}")
    os.close(other)


@test(limit_s=60, guest=True)
def foreign_program_is_named_and_left_alone(context):
    network = Network(context)
    place = Place(context)
    descriptor = bpf.xdp_pass_load("foreign_owner")
    pin = os.path.join(place.bpffs, "foreign")
    bpf.obj_pin(descriptor, pin)
    run("nsenter", f"--net=/run/netns/{network.receiver}", "--", "ip", "link", "set", "dev", "rx0",
        "xdpdrv", "pinned", pin)
    found = network.xdp_attached()
    check(found, "the foreign program is not attached")
    refuse(context, network, place=place, code=1, words=["rx0", "foreign_owner", str(found)])
    os.close(descriptor)


@test(limit_s=30, guest=False)
def dry_run_changes_nothing(context):
    network = Network(context)
    place = Place(context)
    before = network.xdp_attached(), place.pins()
    daemon = Daemon(context, network, place=place)
    done = run(*daemon.command("--dry-run"))
    check("rx0" in done.stdout + done.stderr, "the plan names the interface")
    untouched(network, place, before)
    check(not os.path.exists(os.path.join(place.runtime, "ledger")), "a ledger was made")


@test(limit_s=30, guest=False)
def check_config_reads_only(context):
    network = Network(context)
    daemon, path = with_config(context, network, GOOD)
    before = network.xdp_attached(), daemon.place.pins()
    run(*daemon.command("--check-config"))
    write(path, GOOD + "interval: 1s\n")
    daemon.refuse("--check-config", code=78, words=[f"{path}:5:1:", "interval"])
    untouched(network, daemon.place, before)


@test(limit_s=60, guest=False)
def duration_ends_by_itself_and_keeps_counting(context):
    network = Network(context)
    daemon = Daemon(context, network).start("--duration", "2s")
    traffic = Traffic(context, network, packets=2000, addresses=50).start()
    traffic.finish()
    check_equal(daemon.process.wait(60), 0, "exit code")
    check(network.xdp_attached(), "detached at the end of --duration")
    check_equal(daemon.seen("--live"), traffic.sent(), "seen")


def processes_of(place):
    """By their command line, which the collector has from the supervisor."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                found += [pid] if place.runtime.encode() in line.read() else []
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile
    return found


@test(limit_s=60, guest=False)
def duration_that_is_over_before_the_first_cut_is_no_error(context):
    """The collector finds nobody to tell that it is ready: it makes its last cut and ends."""
    network = Network(context)
    daemon = Daemon(context, network)
    daemon.spawn("--duration", "100ms", "--memory", "2G")
    check_equal(daemon.process.wait(60), 0, f"exit code\n{daemon.log()}")
    wait_for(lambda: not processes_of(daemon.place), "the collector ends")
    check("error" not in daemon.log(), daemon.log())
    check(network.xdp_attached(), "detached at the end of --duration")


@test(limit_s=60, guest=False)
def termination_signals_end_it_cleanly(context):
    network = Network(context)
    daemon = Daemon(context, network)
    for number in (15, 2):
        daemon.start()
        collector = daemon.pid_of_collector()
        check_equal(end_process(daemon.process, number), 0, f"exit code after signal {number}")
        wait_for(lambda pid=collector: status_field(pid, "State") is None, "collector gone")
        check(network.xdp_attached(), "stopping must not detach")
        check(not os.path.exists(os.path.join(daemon.place.runtime, "control")) or
              daemon.ctl("status", expect=None).returncode == 1, "a dead daemon answers")


@test(limit_s=60)
def verify_finds_a_difference(context):
    """The check itself can fail: one packet more in a total of the pinned map."""
    network = Network(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, packets=2000, addresses=50).start()
    traffic.finish()
    settle(daemon, traffic)
    totals = bpf.obj_get(os.path.join(daemon.place.bpffs, "ipacct_totals"))
    value_bytes = bpf.map_sizes(totals)[3] * possible_cpus()
    for epoch in range(2):
        # Slot 0 in both epochs, whichever counts now; seen.packets is the first field.
        key = epoch.to_bytes(4, "little")
        value = bytearray(bpf.lookup(totals, key, value_bytes))
        seen, = struct.unpack_from("=Q", value)
        struct.pack_into("=Q", value, 0, seen + 1)
        bpf.update(totals, key, bytes(value))
    daemon.cut()
    daemon.cut()
    done = daemon.ctl("verify", expect=None)
    check_equal(done.returncode, 3, f"exit code: {done.stdout}{done.stderr}")
    check(daemon.dump("-n", "1")["conservation"]["error_packets"] > 0, "error_packets")
    os.close(totals)


def possible_cpus():
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as text:
        last = text.read().strip().split(",")[-1].split("-")[-1]
    return int(last) + 1
