# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-gen as the tests use it: start, stop, the account of what it sent, and comparing."""

import itertools
import os
import signal
import subprocess

from harness import end_process, program, run, scaled
from tap import Failure, SLOW, check, check_equal, wait_for

_NUMBERS = itertools.count(1)

# Everything the generator can make: kinds that are accounted weigh more than ignored ones.
MIX = ("v4:20,v6:20,vlan:4,vlan6:4,qinq:2,qinq6:2,pppoe:2,pppoe6:2,mpls:2,mpls6:2,frag:2,frag6:2,"
       "options:2,chain:2,pad:2,arp,llc,lldp,short2,vlan5,lcp,mpls9,pseudowire,version,short3,ihl,"
       "length,chain9")
JUMBO = ",jumbo,jumbo6"


class Traffic:
    """One run of the generator on tx0, one thread on each of the first two CPUs."""

    def __init__(self, context, network, packets=0, addresses=1000, seed=1, rate=0, mix=None,
                 options=()):
        self.addresses = addresses
        self.account = os.path.join(context.folder, f"account-{next(_NUMBERS)}")
        mix = mix or MIX + (JUMBO if network.mtu >= 9000 else "")
        cpus = sorted(os.sched_getaffinity(0))[:2]
        self.command = network.command_inside(
            network.sender, program("ipacct-gen"), "-i", "tx0", "-a", addresses, "-m", mix,
            "--seed", seed, "-c", ",".join(map(str, cpus)), "-o", self.account, *options)
        if packets:
            self.command += ["-n", str(int(packets))]
        if rate:
            # An emulated CPU sends some 3,000 packets a second, and does nothing else then.
            self.command += ["-r", str(int(rate if SLOW < 2 else max(300, rate / SLOW / 5)))]
        self.process = None
        context.callback(self._end)

    def start(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        if "-n" not in self.command:
            wait_for(self._ends_when_told, "the generator takes SIGTERM")
        return self

    def _ends_when_told(self):
        """It reads the signal from a descriptor; before that one would end it without an account."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            blocked = [line.split()[1] for line in lines if line.startswith("SigBlk:")]
        return int(blocked[0], 16) & 1 << (signal.SIGTERM - 1) or not self.running()

    def running(self):
        return self.process.poll() is None

    def finish(self, limit_s=120, least=1):
        """Wait for a run with a number of packets, stop one without; its account is final then.
        least: packets that it must have sent."""
        if "-n" not in self.command:
            self.process.send_signal(signal.SIGTERM)
        try:
            output, _ = self.process.communicate(timeout=limit_s * SLOW)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"ipacct-gen took longer than {limit_s * SLOW:.0f} s") from late
        check_equal(self.process.returncode, 0, f"exit code of ipacct-gen: {output[-1000:]}")
        check(self.sent() >= least, f"ipacct-gen sent {self.sent()} packets")

    def _end(self):
        if self.process:
            end_process(self.process, signal.SIGKILL)

    def totals(self):
        """seen packets, seen l2 bytes, accounted packets, accounted l3 bytes"""
        with open(self.account, encoding="ascii") as lines:
            for line in lines:
                if line.startswith("total\t"):
                    return tuple(map(int, line.split()[1:]))
        raise Failure(f"{self.account} has no total")

    def sent(self):
        return self.totals()[0]

    def ignored(self):
        with open(self.account, encoding="ascii") as lines:
            fields = [line.split() for line in lines if line.startswith("ignored\t")]
        return {name: int(packets) for _, name, packets, _ in fields}

    def compare(self, daemon, *others, rollups=False, live=False):
        """Every address of all accounts against the daemon's numbers, in packets and bytes."""
        everyone = (self, *others)
        path = self.account + ".csv"
        # run() reads lines; the file gets the line ends of RFC 4180 back.
        with open(path, "w", encoding="utf-8", newline="\r\n") as out:
            out.write(daemon.tool("ipacct-dump", "--csv", *(["--live"] if live else [])).stdout)
        done = run(program("ipacct-gen"), "--compare", *(["--rollup"] if rollups else []),
                   *(one.account for one in everyone), path, expect=None, limit_s=60)
        check_equal(done.returncode, 0, f"ipacct-gen --compare: {done.stdout[-2000:]}{done.stderr}")
        self._compare_totals(daemon.dump(*(["--live"] if live else [])), everyone)

    @staticmethod
    def _compare_totals(dump, everyone):
        """Totals and reasons, and the sums over the dump's own lines."""
        expected = [sum(column) for column in zip(*(one.totals() for one in everyone))]
        names = ("seen_packets", "seen_l2_bytes", "accounted_packets", "accounted_l3_bytes")
        for name, value in zip(names, expected):
            check_equal(sum(one[name] for one in dump["interfaces"]), value, name)
        lines = dump["addresses"] + dump["rollups"]
        for direction in ("tx", "rx"):
            check_equal(sum(line[direction + "_packets"] for line in lines), expected[2],
                        f"sum of {direction} packets")
            check_equal(sum(line[direction + "_l3_bytes"] for line in lines), expected[3],
                        f"sum of {direction} bytes")
        reasons = {}
        for one in everyone:
            for name, packets in one.ignored().items():
                reasons[name] = reasons.get(name, 0) + packets
        found = {}
        for one in dump["interfaces"]:
            for name, packets in one["ignored"].items():
                if packets:
                    found[name] = found.get(name, 0) + packets
        check_equal(found, reasons, "ignored")


def settle(daemon, *everyone, limit_s=10):
    """Cut until all that was sent has been counted, then check that nothing more comes and that
    `ipacctctl verify` agrees; return the dump."""
    sent = sum(one.sent() for one in everyone)
    last = [0]

    def all_seen():
        daemon.cut()
        last[0] = daemon.seen()
        return last[0] >= sent

    try:
        wait_for(all_seen, "counting", limit_s)
    except Failure as failure:
        check_equal(last[0], sent, f"packets seen after all were sent ({failure})")
        raise
    check_equal(last[0], sent, "packets seen after all were sent")
    daemon.cut()
    check_equal(daemon.seen(), sent, "packets seen one cut later")
    daemon.ctl("verify")
    return daemon.dump()


def exact(daemon, *everyone, limit_s=10, rollups=False):
    """settle(), then every address of all accounts; return the dump of before."""
    dump = settle(daemon, *everyone, limit_s=limit_s)
    everyone[0].compare(daemon, *everyone[1:], rollups=rollups)
    return dump


def steady(context, network, **more):
    """Endless traffic, slow enough for all that happens beside it."""
    return Traffic(context, network, addresses=scaled(20_000, 2000), rate=60_000,
                   **more).start()


def sent(context, network, seed=1, packets=None):
    """Some traffic among 500 addresses that has been sent when this returns."""
    traffic = Traffic(context, network, packets=packets or scaled(30_000, 3000), addresses=500,
                      seed=seed).start()
    traffic.finish()
    return traffic
