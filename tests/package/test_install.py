# SPDX-License-Identifier: GPL-2.0-or-later
"""Installed, started, upgraded, removed, purged: under traffic and with systemd as PID 1."""

import os
import signal

import geo
import harness
import scrape
from harness import Network, run, status_field
from installed import Installed, install, nothing_of_ours, still_in_kernel
from machine import Machine, base_root
from packages import TOP, foreign_dependencies, next_packages, packages, version
from tap import check, check_equal, test, wait_for
from traffic import Traffic, settle

SERVICE = "ipacctd.service"
MOUNT = "run-ipacct-bpf.mount"
SOCKET = "ipacctd.socket"
CONFIGURATION = "interval: 500ms\ninterfaces:\n  - name: rx0\n"
CONFIG_PATH = "/etc/ipacct/ipacct.yaml"


def machine_of(context, with_systemd=True):
    network = Network(context)
    return network, Machine(context, network, base_root(foreign_dependencies()), with_systemd)


def main_pid(machine):
    return int(machine.unit(SERVICE, "MainPID")["MainPID"])


def outside_pid(machine, pid):
    """The process id here of a process of the machine."""
    for entry in os.listdir("/proc"):
        numbers = status_field(entry, "NSpid") if entry.isdigit() else None
        if numbers and numbers[-1] == str(pid) and len(numbers) > 1 and \
                os.readlink(f"/proc/{entry}/ns/pid") == os.readlink(f"/proc/{machine.init}/ns/pid"):
            return entry
    raise harness.Failure(f"process {pid} of the machine is not there")


def is_active(machine, name=SERVICE):
    return machine.run("systemctl", "is-active", name, expect=None).stdout.strip()


@test(limit_s=180)
def unit_files_are_valid_and_confine_the_service(context):
    _, machine = machine_of(context)
    install(machine, packages())
    done = machine.run("systemd-analyze", "verify", "--man=no", SERVICE, MOUNT, SOCKET,
                       expect=None)
    # It warns and returns 0 for an unknown key: whatever it says is an error.
    check_equal((done.returncode, done.stderr, done.stdout), (0, "", ""), "systemd-analyze verify")
    broken = "/run/systemd/system/ipacct-broken.service"
    machine.write(broken, "[Service]\nExecStart=/bin/true\nProtectSystm=yes\n")
    done = machine.run("systemd-analyze", "verify", "--man=no", broken, expect=None)
    check("ProtectSystm" in done.stderr, f"a misspelt key goes unnoticed: {done.stderr}")
    os.unlink(machine.path(broken))
    # FAULTS P10: at most 3.0; --threshold is in tenths.
    done = machine.run("systemd-analyze", "security", "--offline=true", "--no-pager",
                       "--threshold=30", "/lib/systemd/system/" + SERVICE, expect=None)
    last = done.stdout.strip().splitlines()[-1]
    check_equal(done.returncode, 0, last)
    context.note(last)


@test(limit_s=120)
def installed_service_waits_for_the_operator(context):
    network, machine = machine_of(context)
    install(machine, packages())
    check_equal((is_active(machine), is_active(machine, MOUNT), machine.run(
        "systemctl", "is-enabled", SERVICE, expect=None).stdout.strip()),
        ("inactive", "inactive", "disabled"), "service, mount, enabled")
    done = machine.run("systemctl", "start", SERVICE, expect=None)
    check(done.returncode != 0, "it starts without interfaces")
    wait_for(lambda: is_active(machine) == "failed", "failed for good, not started again")
    found = machine.unit(SERVICE, "ExecMainStatus", "NRestarts")
    check_equal(found, {"ExecMainStatus": "2", "NRestarts": "0"}, "exit status and restarts")
    told = machine.run("journalctl", "-u", SERVICE, "--no-pager").stdout
    check("no interface: name one" in told, f"what is missing: {told}")
    check_equal(network.xdp_attached(), 0, "program")
    user = machine.run("getent", "passwd", "ipacct").stdout.split(":")
    check_equal((user[5], user[6].strip()), ("/nonexistent", "/usr/sbin/nologin"), "home and shell")


def check_confinement(context, machine, n_children=1):
    """The processes of the service have what the unit says and no more."""
    pid = outside_pid(machine, main_pid(machine))
    words = machine.unit(SERVICE, "CapabilityBoundingSet")["CapabilityBoundingSet"].split()
    granted = int(status_field(pid, "CapEff")[0], 16)
    check_equal(bin(granted).count("1"), len(words), f"capabilities of the supervisor ({words})")
    check("cap_sys_admin" not in words and "cap_dac_override" not in words, f"{words}")
    check(os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink(f"/proc/{machine.init}/ns/mnt"),
          "the service shares the mount namespace of PID 1: the test would prove nothing")
    children = harness.children(int(pid))
    check_equal(len(children), n_children, "children of the supervisor")
    for child in children:
        for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh"):
            check_equal(status_field(child, name), ["0" * 16], f"{name} of a child")
    for process in (pid, *children):
        check_equal((status_field(process, "NoNewPrivs"), status_field(process, "Seccomp")),
                    (["1"], ["2"]), "NoNewPrivs and Seccomp")
    context.note(f"supervisor: {' '.join(words)}; {len(children)} children without any")


def restart_in_every_way(machine, network, daemon):
    """Each of them ends the daemon and none of them the counting."""
    link = daemon.status()["programs"][0]["link_id"]

    def again(old, what):
        # the process first: before systemd sees that it died, the service is still active
        wait_for(lambda: main_pid(machine) not in (old, 0) and is_active(machine) == "active",
                 what)
        check_equal(daemon.status()["programs"][0]["link_id"], link, f"link after {what}")

    old = main_pid(machine)
    machine.run("systemctl", "restart", SERVICE)
    again(old, "restart")
    old = main_pid(machine)
    os.kill(int(outside_pid(machine, old)), signal.SIGKILL)
    again(old, "kill -9")
    machine.run("systemctl", "stop", SERVICE)
    check_equal(machine.unit(SERVICE, "Result", "ExecMainStatus"),
                {"Result": "success", "ExecMainStatus": "0"}, "of a stop")
    check(network.xdp_attached(), "stopping ended the counting")
    check_equal(is_active(machine, MOUNT), "active", "the mount of the pins after a stop")
    before = daemon.seen("--live")
    wait_for(lambda: daemon.seen("--live") > before, "counting without a daemon")
    machine.run("systemctl", "start", SERVICE)
    again(0, "start")


def reload_both_ways(machine, daemon):
    machine.write(CONFIG_PATH, CONFIGURATION.replace("500ms", "200ms"))
    machine.run("systemctl", "reload", SERVICE)
    check_equal(daemon.status()["interval_ns"], 200_000_000, "interval after a reload")
    machine.write(CONFIG_PATH, CONFIGURATION.replace("interval", "intervall"))
    done = machine.run("systemctl", "reload", SERVICE, expect=None)
    check(done.returncode != 0, "a reload of a broken file succeeds")
    told = machine.run("journalctl", "-u", SERVICE, "--no-pager").stdout
    check(f"{CONFIG_PATH}:1:1:" in told, f"the position of the error in the journal: {told}")
    check_equal((is_active(machine), daemon.status()["interval_ns"]), ("active", 200_000_000),
                "after a refused reload")
    machine.write(CONFIG_PATH, CONFIGURATION)


@test(limit_s=240)
def upgraded_and_restarted_without_a_lost_packet_removed_without_a_trace(context):
    network, machine = machine_of(context)
    before = machine.files()
    install(machine, packages())
    daemon = Installed(machine)
    machine.write(CONFIG_PATH, CONFIGURATION)
    traffic = Traffic(context, network, addresses=1000, rate=50_000)
    machine.run("systemctl", "enable", "--now", SERVICE)
    traffic.start()
    check_confinement(context, machine)
    reload_both_ways(machine, daemon)
    restart_in_every_way(machine, network, daemon)

    old, link = main_pid(machine), daemon.status()["programs"][0]
    install(machine, next_packages())
    check_equal(machine.run("dpkg-query", "-W", "-f", "${Version}", "ipacct").stdout,
                version() + "+next", "version after the upgrade")
    check(main_pid(machine) != old, "the upgrade did not restart the daemon")
    wait_for(lambda: is_active(machine) == "active", "the new daemon")
    fresh = daemon.status()["programs"][0]
    check_equal(fresh["link_id"], link["link_id"], "link after the upgrade")
    check(fresh["prog_id"] != link["prog_id"], "the upgrade brought no program of its own")
    check_equal(machine.run("cat", CONFIG_PATH).stdout, CONFIGURATION, "the operator's file")

    traffic.finish()
    settle(daemon, traffic)
    traffic.compare(daemon)
    context.note(f"{traffic.sent()} packets sent over reloads, restart, kill -9, stop, start and"
                 f" upgrade: all counted, each for its two addresses")

    ours = daemon.kernel_objects()
    check(len(ours) > 10, f"objects in the kernel: {ours}")
    machine.run("dpkg", "-r", "ipacct", limit_s=60)
    check_equal((network.xdp_attached(), is_active(machine)), (0, "inactive"), "after the removal")
    # The kernel frees maps after a grace period.
    wait_for(lambda: not still_in_kernel(ours), "programs, maps and links are gone")
    check_equal(os.path.exists(machine.path("/run/ipacct/bpf")), False, "mount point")
    traffic.compare(daemon)  # the ledger is there until the purge, and the tools read it
    check(os.path.exists(machine.path(CONFIG_PATH)), "the removal took the configuration")

    machine.run("dpkg", "-P", *packages(), limit_s=60)
    nothing_of_ours(machine, before)
    check(machine.run("getent", "passwd", "ipacct").stdout, "the user stays")
    check_equal(machine.run("systemctl", "list-unit-files", "ipacct*", "run-ipacct*", "--no-legend",
                            expect=None).stdout, "", "units")


@test(limit_s=120)
def enabled_service_counts_after_a_boot(context):
    network, machine = machine_of(context)
    install(machine, packages())
    daemon = Installed(machine)
    machine.write(CONFIG_PATH, CONFIGURATION)
    machine.run("systemctl", "enable", "--now", SERVICE)
    machine.reboot()
    wait_for(lambda: is_active(machine) == "active", "the service after the boot", limit_s=20)
    check_equal((is_active(machine, MOUNT), daemon.status()["programs"][0]["n_attached"]),
                ("active", 1), "mount, and how often it attached since the boot")
    started = [int(machine.unit(name, "ActiveEnterTimestampMonotonic")
                   ["ActiveEnterTimestampMonotonic"]) for name in (MOUNT, SERVICE)]
    check(0 < started[0] < started[1], f"the mount comes first: {started}")
    found = os.stat(machine.path("/run/ipacct"))
    check_equal((found.st_mode & 0o7777, found.st_uid), (0o750, 0), "mode and owner of /run/ipacct")
    traffic = Traffic(context, network, packets=3000, addresses=50).start()
    traffic.finish()
    settle(daemon, traffic)
    traffic.compare(daemon)


def start_by_hand(machine, daemon):
    process = machine.spawn("ipacctd", "-c", CONFIG_PATH)
    wait_for(lambda: process.poll() is not None or "uptime_s" in
             daemon.ctl("status", "-j", expect=None).stdout, "the daemon answers")
    check_equal(process.poll(), None, "exit code instead of running")
    return process


@test(limit_s=120)
def without_systemd_the_operator_restarts_and_the_rest_is_the_same(context):
    network, machine = machine_of(context, with_systemd=False)
    before = machine.files()
    install(machine, packages())
    daemon = Installed(machine)
    machine.write(CONFIG_PATH, CONFIGURATION)

    first = start_by_hand(machine, daemon)
    traffic = Traffic(context, network, addresses=200, rate=20_000).start()
    install(machine, next_packages())
    check_equal(first.poll(), None, "the running daemon ended by the upgrade")
    machine.kill(daemon.status()["pid"])
    check_equal(first.wait(20), 0, "exit code")
    second = start_by_hand(machine, daemon)
    traffic.finish()
    settle(daemon, traffic)
    traffic.compare(daemon)
    ours = daemon.kernel_objects()
    # Removed while the daemon runs: the script asks it.
    machine.run("dpkg", "-r", "ipacct", limit_s=60)
    check_equal(second.wait(20), 0, "exit code of the daemon")
    check_equal(network.xdp_attached(), 0, "program")
    wait_for(lambda: not still_in_kernel(ours), "programs, maps and links are gone")
    traffic.compare(daemon)
    machine.run("dpkg", "-P", *packages(), limit_s=60)
    nothing_of_ours(machine, before)


@test(limit_s=120)
def removal_is_refused_while_counts_would_be_lost(context):
    network, machine = machine_of(context, with_systemd=False)
    install(machine, packages())
    daemon = Installed(machine)
    machine.write(CONFIG_PATH, CONFIGURATION)
    process = start_by_hand(machine, daemon)
    traffic = Traffic(context, network, packets=2000, addresses=50).start()
    traffic.finish()
    machine.kill(daemon.status()["pid"], signal.SIGKILL)
    process.wait(20)
    wait_for(lambda: daemon.seen("--live") == traffic.sent(), "counting without a daemon")
    # No collector can run as a user that is not there, so there can be no last cut.
    machine.run("sed", "-i", "/^ipacct:/d", "/etc/passwd")
    done = machine.run("dpkg", "-r", "ipacct", expect=None, limit_s=60)
    check(done.returncode != 0 and "umount /run/ipacct/bpf" in done.stderr,
          f"exit {done.returncode}: {done.stderr}")
    check(network.xdp_attached(), "detached by a removal that was refused")
    # Giving up the removal made the user again (postinst abort-remove).
    machine.run("dpkg", "-r", "ipacct", limit_s=60)
    check_equal(network.xdp_attached(), 0, "program")
    traffic.compare(daemon)


@test(limit_s=60)
def program_of_a_user_builds_with_pkg_config_and_reads(context):
    network, machine = machine_of(context)
    install(machine, packages())
    daemon = Installed(machine)
    machine.write(CONFIG_PATH, CONFIGURATION)
    machine.run("systemctl", "start", SERVICE)
    traffic = Traffic(context, network, packets=3000, addresses=20).start()
    traffic.finish()
    settle(daemon, traffic)

    # Headers, library and .pc file of the packages, none of this tree.
    tree = os.path.join(context.folder, "sysroot")
    for name in ("libipacct0", "libipacct-dev"):
        run("dpkg-deb", "-x", packages()[name], tree)
    multiarch = run("gcc", "-print-multiarch").stdout.strip()
    environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=tree,
                       PKG_CONFIG_LIBDIR=f"{tree}/usr/lib/{multiarch}/pkgconfig",
                       PKG_CONFIG_SYSTEM_INCLUDE_PATH="", PKG_CONFIG_SYSTEM_LIBRARY_PATH="")
    flags = run("pkg-config", "--cflags", "--libs", "libipacct", env=environment).stdout.split()
    check(f"-I{tree}/usr/include" in flags and "-lipacct" in flags, f"flags {flags}")
    source = os.path.join(TOP, "tests/package/consumer.c")
    binary = os.path.join(context.folder, "consumer")
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", binary, *flags)
    machine.copy_in(binary, "/tmp/consumer")
    for reader, expected in (("ipacct", 0), ("nogroup", 1)):
        done = machine.run("setpriv", "--reuid=nobody", f"--regid={reader}", "--clear-groups",
                           "/tmp/consumer", expect=None)
        check_equal(done.returncode, expected, f"{reader}: {done.stdout}{done.stderr}")
        if not expected:
            check_equal(done.stdout.split(), [str(traffic.sent()), str(traffic.totals()[2])],
                        "seen and accounted packets that the program reads")


@test(limit_s=60)
def geo_worker_answers_under_the_unit(context):
    network, machine = machine_of(context)
    before = machine.files()
    install(machine, packages())
    daemon = Installed(machine)
    os.makedirs(machine.path("/var/lib/ipacct/geo"))
    geo.make_database(machine.path("/var/lib/ipacct/geo/city.mmdb"), geo.CITIES)
    machine.write("/etc/ipacct/prefixes", '192.0.2.0/24 name="Customer A"\n')
    machine.write(CONFIG_PATH, CONFIGURATION + "geo_overrides: /etc/ipacct/prefixes\n"
                  "geo_databases: [/var/lib/ipacct/geo/city.mmdb]\n")
    machine.run("systemctl", "start", SERVICE)
    geo.send_and_cut(daemon, network, ["8.8.8.8", "9.1.2.3", "192.0.2.7"])

    def answers():
        return {one["address"]: one for one in daemon.dump("--geo")["addresses"]}

    wait_for(lambda: all(one["class"] for one in answers().values()), "answers of the worker")
    found = answers()
    check_equal((found["8.8.8.8"]["country"], found["9.1.2.3"]["city"], found["192.0.2.7"]["name"]),
                ("US", "Munich", "Customer A"), "country, city, name")
    check_confinement(context, machine, n_children=2)
    worker = daemon.status()["geo"]
    check_equal(worker["restarts"], 0, "restarts of the worker")
    check(worker["resident_bytes"] > 0, "the supervisor sees how much memory its worker takes")
    machine.run("dpkg", "-P", *packages(), limit_s=60)
    nothing_of_ours(machine, before)


def kill_daemon(machine):
    """SIGKILL; returns when its processes are gone and, for RestartSec, no other is there."""
    supervisor = int(outside_pid(machine, main_pid(machine)))
    processes = {supervisor} | harness.children(supervisor)
    os.kill(supervisor, signal.SIGKILL)
    for pid in processes:
        wait_for(lambda pid=pid: not harness.alive(pid), f"process {pid} ends")


@test(limit_s=60)
def metrics_are_served_and_with_the_socket_unit_never_refused(context):
    network, machine = machine_of(context)
    scrape.loopback_up(network)
    before = machine.files()
    install(machine, packages())
    machine.write(CONFIG_PATH, CONFIGURATION)
    machine.run("systemctl", "start", SERVICE)
    check_equal(scrape.get(network)[0], 200, "answer without the socket unit")
    kill_daemon(machine)
    try:
        scrape.connect_many(network)[0].close()
        raise harness.Failure("a daemon that is dead takes connections: the test proves nothing")
    except ConnectionRefusedError:
        pass
    wait_for(lambda: is_active(machine) == "active", "started again")
    machine.run("systemctl", "stop", SERVICE)
    machine.run("systemctl", "start", SOCKET, SERVICE)
    kill_daemon(machine)
    check_equal(scrape.get(network)[0], 200, "answer of the next daemon to who waited for it")
    machine.run("dpkg", "-P", *packages(), limit_s=60)
    check_equal(is_active(machine, SOCKET), "inactive", "the socket")
    nothing_of_ours(machine, before)


@test(limit_s=60)
def boot_script_for_vyos_installs_what_is_missing_and_starts(context):
    network, machine = machine_of(context)
    keep = machine.path("/config/ipacct")
    os.makedirs(keep)
    for name in ("ipacct", "ipacct-tools", "libipacct0"):
        machine.copy_in(packages()[name], "/config/ipacct")
    machine.copy_in(os.path.join(TOP, "deploy/vyos/ipacct-boot.sh"), "/config/ipacct")
    script = "/config/ipacct/ipacct-boot.sh"
    done = machine.run(script, expect=1)
    check("no /config/ipacct/ipacct.yaml" in done.stderr, f"what is missing: {done.stderr}")
    machine.write("/config/ipacct/ipacct.yaml", CONFIGURATION)
    machine.run(script, limit_s=60)
    check_equal(is_active(machine), "active", "service")
    check(network.xdp_attached(), "nothing is attached")
    daemon, pid = Installed(machine), main_pid(machine)
    machine.run(script)  # the next boot of the same image
    check_equal(main_pid(machine), pid, "a second run restarted it")
    machine.write("/config/ipacct/ipacct.yaml", CONFIGURATION.replace("500ms", "300ms"))
    machine.run("systemctl", "reload", SERVICE)
    check_equal(daemon.status()["interval_ns"], 300_000_000, "interval of the file in /config")
