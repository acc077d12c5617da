# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacctctl doctor on real devices: what it says of them, and that it changes nothing."""

import json
import os

import bpf
from harness import Daemon, Network, Place, program, run
from tap import check, check_equal, test
from traffic import Traffic, settle


def doctor(network, place, *words, expect=None, **options):
    return network.inside(network.receiver, program("ipacctctl"), "--runtime-dir", place.runtime,
                          "--bpffs", place.bpffs, "doctor", *words, expect=expect, **options)


def findings(network, place, *words):
    """Level by (rule, device), and the exit code."""
    done = doctor(network, place, "-j", *words)
    report = json.loads(done.stdout)
    check_equal(report["schema"], "ipacct.doctor/1", "schema")
    check_equal(sum(report["levels"].values()), len(report["findings"]), "levels")
    bad = report["levels"]["warn"] + report["levels"]["error"]
    check_equal(done.returncode, 2 if bad else 0, f"exit code with {report['levels']}")
    return {(one["rule"], one["device"]): one for one in report["findings"]}


def level(network, place, rule, device="rx0"):
    return findings(network, place, *([device] if device else []))[rule, device]["level"]


def ip(network, *words):
    run("ip", "-n", network.receiver, *words)


@test(limit_s=60)
def doctor_before_installation_says_what_the_device_can(context):
    network, place = Network(context), Place(context, mount=False)
    found = findings(network, place, "rx0")
    for rule in ("vlan-strip", "lro", "native-xdp", "mtu-frags", "foreign-xdp", "bond"):
        check_equal(found[rule, "rx0"]["level"], "ok", f"{rule}: {found[rule, 'rx0']}")
    check_equal(found["conservation", None]["level"], "info", "nothing is counted yet")
    check_equal(found["runtime-dir", None]["level"], "info", "no directory yet")
    check_equal(doctor(network, place, "nic7").returncode, 1, "unknown interface")


@test(limit_s=60)
def doctor_sees_each_thing_that_this_machine_can_have(context):
    network, place = Network(context), Place(context)
    network.inside(network.receiver, "ethtool", "-K", "rx0", "rxvlan", "on")
    check_equal(level(network, place, "vlan-strip"), "warn", "rxvlan on")
    hints = doctor(network, place, "--fix-hints", "rx0").stdout.splitlines()
    check("ethtool -K rx0 rxvlan off" in hints, f"hint in {hints}")
    check(all(line.split()[0] in ("ethtool", "sysctl") for line in hints), f"only those: {hints}")
    network.inside(network.receiver, *"ethtool -K rx0 rxvlan off".split())
    check_equal(level(network, place, "vlan-strip"), "ok", "rxvlan off")

    ip(network, "link", "add", "br0", "mtu", "9000", "type", "bridge")
    check_equal(level(network, place, "native-xdp", "br0"), "warn", "a bridge has no native XDP")
    check_equal(level(network, place, "mtu-frags", "br0"), "warn", "MTU 9000")
    ip(network, "link", "set", "br0", "mtu", "1500")
    check_equal(level(network, place, "mtu-frags", "br0"), "ok", "MTU 1500")

    check_equal(level(network, place, "tc-programs"), "ok", "no tc filter")
    network.inside(network.receiver, *"tc qdisc add dev rx0 clsact".split())
    network.inside(network.receiver, *"tc filter add dev rx0 ingress bpf bytecode".split(),
                   "1,6 0 0 4294967295,")
    found = findings(network, place, "rx0")["tc-programs", "rx0"]
    check_equal((found["level"], found["saw"][:2]), ("info", "1 "), f"{found}")

    descriptor = bpf.xdp_pass_load("foreign_owner")
    pin = os.path.join(place.bpffs, "foreign")
    bpf.obj_pin(descriptor, pin)
    os.close(descriptor)
    check_equal(level(network, place, "foreign-xdp"), "ok", "no program")
    for kind, generic in (("xdpdrv", "ok"), ("xdpgeneric", "warn")):
        network.inside(network.receiver, "ip", "link", "set", "rx0", kind, "pinned", pin)
        found = findings(network, place, "rx0")
        check("foreign_owner" in found["foreign-xdp", "rx0"]["saw"], f"{found}")
        check_equal(found["foreign-xdp", "rx0"]["level"], "error", "foreign program")
        check_equal(found["generic-mode", "rx0"]["level"], generic, kind)
        network.inside(network.receiver, "ip", "link", "set", "rx0", kind, "off")
    os.chmod(place.bpffs, 0o755)
    check_equal(level(network, place, "bpffs", None), "warn", "open bpffs")


@test(limit_s=60)
def doctor_of_a_counted_port_is_well_and_stacked_devices_are_told(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    place = daemon.place
    traffic = Traffic(context, network, packets=20_000, addresses=200).start()
    traffic.finish()
    settle(daemon, traffic)
    found = findings(network, place)
    wrong = {key: one["saw"] for key, one in found.items() if one["level"] in ("warn", "error")}
    check_equal(wrong, {}, "something to mend on a healthy port")
    check_equal({device for _, device in found if device}, {"rx0"}, "devices")
    for rule in ("silent", "foreign-xdp", "generic-mode"):
        check_equal(found[rule, "rx0"]["level"], "ok", rule)
    for rule in ("conservation", "collector", "bpffs"):
        check_equal(found[rule, None]["level"], "ok", rule)

    ip(network, "link", "add", "link", "rx0", "name", "above0", "type", "macvlan")
    check_equal(level(network, place, "vlan-above"), "info", "macvlan above")
    ip(network, "link", "del", "above0")
    check_equal(level(network, place, "vlan-above"), "ok", "nothing above")

    daemon.kill()
    check_equal(level(network, place, "collector", None), "warn", "no daemon")
    daemon.start()
    check_equal(level(network, place, "collector", None), "ok", "daemon again")


@test(limit_s=60)
def doctor_sees_one_cpu_take_it_all(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="60s").start()
    daemon.cut()
    traffic = Traffic(context, network, packets=30_000, addresses=200)
    traffic.command[traffic.command.index("-c") + 1] = "0"
    traffic.start().finish()
    found = findings(network, daemon.place)["rss-skew", "rx0"]
    check_equal(found["level"], "warn", f"{found}")
    check("CPU 0 took 100.0 % of 30000" in found["saw"], found["saw"])
    daemon.cut()
    check_equal(level(network, daemon.place, "rss-skew"), "ok", "after the cut")


@test(limit_s=60)
def doctor_sees_what_the_maps_had_no_room_for(context):
    network = Network(context)
    daemon = Daemon(context, network, "--hot", "off", "--lru-entries", "1024",
                    interval="60s", memory="48M").start()
    check_equal(level(network, daemon.place, "map-pressure", None), "ok", "empty")
    traffic = Traffic(context, network, packets=60_000, addresses=20_000).start()
    traffic.finish()
    daemon.cut()
    found = findings(network, daemon.place)["map-pressure", None]
    check_equal(found["level"], "warn", f"{found}")


def state_of(network, place):
    """What a command that changes nothing leaves alone."""
    def inside(*words):
        return network.inside(network.receiver, *words, expect=None).stdout
    sysctls = {}
    for name in ("net/core/bpf_jit_enable", "kernel/bpf_stats_enabled", "kernel/unprivileged_bpf_disabled",
                 "net/core/netdev_max_backlog"):
        with open("/proc/sys/" + name, encoding="ascii") as value:
            sysctls[name] = value.read()
    files = sorted((one, os.lstat(os.path.join(place.runtime, one)).st_ino)
                   for one in os.listdir(place.runtime))
    return (inside("ip", "-d", "link"), inside("ethtool", "-k", "rx0"), inside("ethtool", "-l", "rx0"),
            inside("tc", "qdisc", "show"), sysctls, place.pins(), files)


@test(limit_s=60)
def doctor_changes_nothing(context):
    network = Network(context)
    daemon = Daemon(context, network, interval="60s").start()
    network.inside(network.receiver, "ethtool", "-K", "rx0", "rxvlan", "on")
    ip(network, "link", "add", "br0", "type", "bridge")
    before = state_of(network, daemon.place)
    cuts = daemon.status()["cut"]
    for words in ((), ("-v",), ("-j",), ("rx0",), ("--fix-hints",)):
        doctor(network, daemon.place, *words)
    check_equal(state_of(network, daemon.place), before, "state of the machine")
    check_equal(daemon.status()["cut"], cuts, "cuts")


@test(limit_s=60)
def doctor_without_privilege_says_what_it_could_not_see(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    done = doctor(network, daemon.place, "-j", user=None) if os.getuid() else run(
        *network.command_inside(network.receiver, "setpriv", "--reuid", 65534, "--regid", 65534,
                                "--clear-groups", program("ipacctctl"), "--runtime-dir",
                                daemon.place.runtime, "--bpffs", daemon.place.bpffs, "doctor", "-j",
                                "rx0"), expect=None)
    check(done.returncode in (0, 2), f"exit {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    levels = {(one["rule"], one["device"]): one["level"] for one in report["findings"]}
    check_equal(levels["flow-offload", "rx0"], "unknown", "flowtables need root")
    check_equal(levels["vlan-strip", "rx0"], "ok", "offloads do not")
