# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/RUNBOOK.md: each incident is made, each of its commands typed, each line that is shown found.

A situation is a generator: it runs up to its next yield before each block of the incident."""

import os
import re
import stat

import bpf
from geo import with_database
from harness import Daemon, Network, Place, program, scaled, write
from scrape import loopback_up
from tap import Failure, check, check_equal, test, wait_for
from traffic import Traffic, settle

RUNBOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/RUNBOOK.md")
PORT = "rx0"  # what the harness calls the runbook's eth0


def incidents():
    """{title: [block]}; a block is a list of [command, lines, exit code]."""
    found, title, block = {}, None, None
    with open(RUNBOOK, encoding="utf-8") as text:
        for line in text.read().splitlines():
            if line.startswith("## "):
                title = line[3:]
                found[title] = []
            elif line == "```console":
                block = []
                found[title].append(block)
            elif line == "```":
                block = None
            elif block is not None and line.startswith("# "):
                block.append([line[2:], [], 0])
            elif block is not None and line.startswith("[exit "):
                block[-1][2] = int(line[6:-1])
            elif block is not None:
                block[-1][1].append(line)
    return found


def pattern(line):
    """Runs of blanks are one; … is anything."""
    parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
    return re.compile(r".*".join(parts).replace(r"\ ", " "))


class Router:
    """One network and one place, with the programs in PATH as if they were installed."""

    def __init__(self, context, **options):
        self.context = context
        self.network = Network(context)
        self.place = options.pop("place", None) or Place(context)
        self.daemon = None
        self.bin = os.path.join(context.folder, "bin")
        os.mkdir(self.bin)
        for name in ("ipacctd", "ipacctctl", "ipacct-dump"):
            path = os.path.join(self.bin, name)
            write(path, f'#!/bin/sh\nexec {program(name)} --runtime-dir {self.place.runtime}'
                        f' --bpffs {self.place.bpffs} "$@"\n')
            os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def start(self, *options, **more):
        self.daemon = Daemon(self.context, self.network, *options, place=self.place,
                             **more).start()
        return self.daemon

    def traffic(self, **more):
        more.setdefault("packets", scaled(20_000))
        more.setdefault("addresses", 200)
        traffic = Traffic(self.context, self.network, **more).start()
        traffic.finish()
        return traffic

    def here(self, text):
        text = text.replace("eth0", PORT)
        return text.replace("/run/ipacct/bpf", self.place.bpffs)

    def type(self, command, expected, code):
        done = self.network.inside(
            self.network.receiver, "bash", "-c", self.here(command), expect=None,
            env=dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}"))
        printed = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()]
        shown = "\n".join(printed[:80])
        check_equal(done.returncode, code, f"exit code of {command}\n{shown}")
        rest = iter(printed)
        for line in expected:
            if line.strip() == "…":
                continue
            wanted = pattern(self.here(line))
            check(any(wanted.fullmatch(one) for one in rest),
                  f"{command}: no line '{line}' (in this order) in\n{shown}")


def not_the_switch(router):
    daemon = router.start()
    settle(daemon, router.traffic())
    router.network.inside(router.network.receiver, "ethtool", "-K", PORT, "rxvlan", "on")
    yield
    yield


def slow(router):
    settle(router.start(interval="1s"), router.traffic())
    yield


def daemon_dead(router):
    daemon = router.start()
    settle(daemon, router.traffic())
    daemon.kill()
    router.traffic(seed=2)
    yield
    daemon.start()
    yield


def flooded(router):
    daemon = router.start("--lru-entries", "2048", memory="48M", interval="60s")
    router.traffic(packets=scaled(200_000), mix="v4",
                   options=("--flood", "10000000", "--flood-percent", "90"))
    daemon.cut()
    yield
    yield


def rolled_up(router):
    daemon = router.start("--hot", "off", "--lru-entries", "1024", memory="48M", interval="60s")
    router.traffic(packets=scaled(60_000), addresses=20_000)
    daemon.cut()
    yield


def over_budget(router):
    del router
    yield


def came_back(router):
    daemon = router.start()
    first = router.traffic()
    settle(daemon, first)
    router.network.delete_pair()
    wait_for(lambda: daemon.status()["programs"][0]["state"] == "gone", "the loss is seen")
    router.network.add_pair()
    wait_for(lambda: daemon.status()["programs"][0]["state"] == "attached", "attached again")
    settle(daemon, first, router.traffic(seed=2))
    yield


def foreign_program(router):
    descriptor = bpf.xdp_pass_load("foreign_owner")
    pin = os.path.join(router.place.bpffs, "foreign")
    bpf.obj_pin(descriptor, pin)
    os.close(descriptor)
    router.network.inside(router.network.receiver, "ip", "link", "set", PORT, "xdpdrv", "pinned",
                          pin)
    yield
    yield


def pins_gone(router):
    daemon = router.start()
    settle(daemon, router.traffic())
    daemon.kill()
    router.place.unmount()
    wait_for(lambda: not router.network.xdp_attached(), "the program ends with its pins")
    yield
    # Its first command mounts again; the daemon comes between it and the second.
    yield


def other_abi(router):
    daemon = router.start()
    daemon.stop()
    pin = os.path.join(router.place.bpffs, "ipacct_meta")
    old = bpf.obj_get(pin)
    value_bytes = bpf.map_sizes(old)[3]
    value = bytearray(bpf.lookup(old, bytes(4), value_bytes))
    value[4] += 1  # abi_version
    other = bpf.array_create(value_bytes, 1, "ipacct_meta")
    bpf.update(other, bytes(4), bytes(value))
    os.unlink(pin)
    bpf.obj_pin(other, pin)
    os.close(old)
    os.close(other)
    yield


def geo_stale(router):
    _, path = with_database(router.context)
    good = path + ".good"
    os.rename(path, good)
    write(path, "no database")
    os.chmod(path, 0o644)
    daemon = router.start("--geo-database", path)
    wait_for(lambda: daemon.status()["geo"]["databases"][0]["state"] != "in_use", "refused")
    yield
    os.rename(good, path)
    wait_for(lambda: daemon.status()["geo"]["databases"][0]["state"] == "in_use", "in use")
    yield


def scrape(router):
    loopback_up(router.network)
    daemon = router.start("--listen", "127.0.0.1:9477")
    router.traffic()
    daemon.cut()
    yield
    daemon.kill()
    yield


SITUATIONS = {"1": not_the_switch, "2": slow, "3": daemon_dead, "4": flooded, "5": rolled_up,
              "6": over_budget, "7": came_back, "8": foreign_program, "9": pins_gone,
              "10": other_abi, "11": geo_stale, "12": scrape}
# What `systemctl start ipacctd` stands for in the text before a command, which the test does then.
START_BEFORE = {("9", "ipacctctl doctor", 1)}


def play(context, number):
    title = next((one for one in incidents() if one.startswith(number + ". ")), None)
    if not title:
        raise Failure(f"the runbook has no incident {number}")
    router = Router(context)
    situation = SITUATIONS[number](router)
    n_commands = 0
    for index, block in enumerate(incidents()[title]):
        next(situation)
        for command, expected, code in block:
            if (number, command, index) in START_BEFORE:
                router.daemon.start()
            router.type(command, expected, code)
            n_commands += 1
    check(next(situation, "ended") == "ended", "a step of the situation without its block")
    check(n_commands, f"{title}: no command")
    context.note(f"{title}: {n_commands} commands")


def register(number, function):
    def incident(context):
        play(context, number)

    incident.__name__ = f"runbook_{number}_{function.__name__}"
    test(limit_s=90)(incident)


for _number, _function in SITUATIONS.items():
    register(_number, _function)


@test(limit_s=10)
def runbook_has_a_situation_for_each_incident(context):
    del context
    check_equal({title.split(".")[0] for title in incidents()}, set(SITUATIONS), "incidents")
    for title, blocks in incidents().items():
        shown = [line for block in blocks for _, lines, _ in block for line in lines]
        check(any(line.replace("…", "").strip() for line in shown), f"{title} shows nothing")
