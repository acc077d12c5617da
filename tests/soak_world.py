# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a soak happens: network, daemon, its files, and traffic of which all is known."""

import json
import os
import shutil
import subprocess
import types

import geo
import scrape
from harness import Daemon, Network, Place, program, run
from soak_sums import Groups, Sum
from tap import check, check_equal, wait_for
from test_access import as_group_member
from traffic import Traffic, settle

RATE = 60_000
ADDRESSES = 20_000
# As traffic.MIX, in two parts: what has a tag may be of a domain of its own.
PLAIN = ("v4:20,v6:20,pppoe:2,pppoe6:2,mpls:2,mpls6:2,frag:2,frag6:2,options:2,chain:2,pad:2,arp,llc,"
         "lldp,lcp,mpls9,pseudowire,version,short3,ihl,length,chain9")
TAGGED = "vlan:4,vlan6:4,qinq:2,qinq6:2,vlan5"
CUT_SHORT = ",short2"  # the stack drops it before tc-ingress: skb_vlan_untag()
HOOKS = (("xdp",), ("xdp", "tc-egress"), ("tc-ingress",), ("tc-ingress", "tc-egress"))
# tests/traffic/kinds.c sends the outermost tags 10 and 20.
DOMAINS = ({}, {"10": 7, "20": 7}, {"1-4094": 7}, {"1-15": 8, "16-4094": 8})

CONFIG = """interval: {interval}ms
hot: {hot}
memory: 320M
ledger_addresses: 262144
interfaces:
  - name: rx0
    hooks: [{hooks}]
    vlan_domains: {domains}
protect: [{protect}]
groups_file: {groups}
geo_databases: [{database}]
geo_overrides: {overrides}
"""


class World:
    """One network, one daemon, one ledger; what was sent."""

    def __init__(self, context, draw):
        self.context, self.draw, self.doing = context, draw, "start"
        self.network = Network(context)
        self.arm()
        scrape.loopback_up(self.network)
        self.place = Place(context)
        self.config, self.groups_file, self.database, self.overrides = (
            os.path.join(self.place.base, name)
            for name in ("ipacct.yaml", "groups", "geo.mmdb", "overrides"))
        self.sum, self.groups = Sum(context), Groups(draw)
        self.hooks, self.hot, self.domains, self.traffic = HOOKS[0], "on", {}, []
        self.make_databases()
        for write in (self.write_groups, self.write_overrides, self.write_config):
            write()
        self.daemon = Daemon(context, self.network, place=self.place, interface=None)
        self.daemon.options = ["-c", self.config]
        self.daemon.start()

    # ---- The devices -----------------------------------------------------------------------------

    def add_pair(self):
        self.network.add_pair()
        self.arm()

    def arm(self):
        """Both ends by NAPI and behind a queue: a full ring holds the sender up and loses nothing."""
        for space, device in ((self.network.sender, "tx0"), (self.network.receiver, "rx0")):
            self.network.inside(space, "ethtool", "-K", device, "gro", "on")
            self.network.inside(space, "tc", "qdisc", "replace", "dev", device, "root", "pfifo",
                                "limit", "10000")

    def states(self):
        """Of all hooks that are wanted now."""
        return {one["state"] for one in self.daemon.status()["programs"]
                if one["hook"] in self.hooks}

    # ---- The files -------------------------------------------------------------------------------

    def write_config(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(
                interval=self.draw.randrange(100, 1000), hot=self.hot,
                hooks=", ".join(self.hooks), domains=json.dumps(self.domains),
                protect=f"10.{self.draw.randrange(256)}.0.0/16", groups=self.groups_file,
                database=self.database, overrides=self.overrides))

    def write_groups(self):
        with open(self.groups_file, "w", encoding="ascii") as out:
            out.write(self.groups.text())

    def write_overrides(self):
        """9.0.0.0/9 has a name of ours, 9.128.0.0/9 has none."""
        self.name = f"site {self.draw.randrange(1000)}"
        with open(self.overrides, "w", encoding="ascii") as out:
            out.write(f'9.0.0.0/9 name="{self.name}"\n')
            for i in range(self.draw.randrange(200)):
                out.write(f"10.{i}.0.0/16 name=hall-{self.draw.randrange(9)}\n")

    def make_databases(self):
        """9.0.0.0/8 lies in another country in each."""
        self.databases = {}
        for code in ("DE", "FR", "JP"):
            path = os.path.join(self.context.folder, code)
            geo.make_database(path, [["9.0.0.0/8", {"country": {"iso_code": code}}],
                                     ["2400::/12", {"country": {"iso_code": code}}]])
            self.databases[code] = path
        self.put_database("DE")

    def put_database(self, code):
        """None: half of one."""
        new = self.database + ".new"
        shutil.copy(self.databases[code or "DE"], new)
        if code is None:
            os.truncate(new, os.path.getsize(new) // 2)
        else:
            self.country = code
        os.chmod(new, 0o644)
        os.rename(new, self.database)

    # ---- Traffic ---------------------------------------------------------------------------------

    def kind(self):
        return f"{'+'.join(self.hooks)}, hot {self.hot}"

    def draw_domains(self):
        self.domains = self.draw.choice(DOMAINS)

    def resume(self):
        """Arrivals without and with tags; where departures are counted, those too."""
        tagged = TAGGED if "tc-ingress" in self.hooks else TAGGED + CUT_SHORT
        domain = next(iter(self.domains.values()), 0)
        streams = [(self.network, ("-i", "tx0"), PLAIN, 0, 0.55),
                   (self.network, ("-i", "tx0"), tagged, domain, 0.2)]
        if "tc-egress" in self.hooks:
            # The generator in the counter's own namespace.
            there = types.SimpleNamespace(mtu=self.network.mtu, sender=self.network.receiver,
                                          command_inside=self.network.command_inside)
            mix, where = self.draw.choice(((PLAIN, 0), (TAGGED + CUT_SHORT, domain)))
            streams.append((there, ("-i", "rx0", "--qdisc"), mix, where, 0.25))
        self.traffic = [
            Traffic(self.context, network, addresses=ADDRESSES, rate=RATE * share, mix=mix,
                    seed=self.draw.randrange(1 << 30),
                    options=[*options, "--domain", str(where)]).start()
            for network, options, mix, where, share in streams]

    def pause(self):
        for one in self.traffic:
            one.finish(least=0)  # it may have begun a moment ago
            self.take(one.account)
        self.traffic = []

    def take(self, account):
        self.groups.add(self.sum.add(account))
        os.unlink(account)

    def drain(self):
        """End all traffic and wait until it has been counted."""
        self.pause()
        settle(self.daemon, self.sum, limit_s=30)

    def flood(self):
        burst = Traffic(self.context, self.network, packets=100_000, addresses=256, mix="v4",
                        seed=self.draw.randrange(1 << 30), options=["--flood", "300000"]).start()
        burst.finish()
        self.take(burst.account)

    def strangers(self):
        """A packet from each of some addresses that the databases know."""
        addresses = [f"9.{self.draw.randrange(256)}.{self.draw.randrange(256)}.1"
                     for _ in range(50)]
        addresses = list(dict.fromkeys(addresses))
        n = geo.send(self.network, addresses)
        path = os.path.join(self.context.folder, "strangers")
        with open(path, "w", encoding="ascii") as out:
            for address in addresses:
                print(address, 0, 1, 28, 1, 28, sep="\t", file=out)  # UDP without payload
            print("total", n, n * (14 + 28), n, n * 28, sep="\t", file=out)
        self.take(path)

    # ---- Readers ---------------------------------------------------------------------------------

    def scrape(self):
        """All numbers of one page are of one cut: each family sums to what was accounted."""
        samples = scrape.scrape(self.network)
        accounted = scrape.total(samples, "ipacct_interface_family_packets_total")
        for kind in ("group", "country"):
            for direction in ("tx", "rx"):
                check_equal(scrape.total(samples, f"ipacct_{kind}_packets_total",
                                         direction=direction), accounted, f"{kind} {direction}")

    def as_member(self, name, *arguments):
        """A tool as a member of the group, without any capability."""
        command = [program(name), *self.daemon.arguments, *arguments]

        def ask():
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=60)
            return [done.returncode, len(done.stdout), done.stderr]

        answer = as_group_member(ask)
        check(isinstance(answer, list) and answer[0] == 0 and answer[1],
              f"{name} {arguments} of a group member: {answer}")

    # ---- Rounds ----------------------------------------------------------------------------------

    def reshape(self):
        """Other hooks and domains, hot tier or none; nothing is on its way. The maps are made anew
        where the hot tier or the hook of arrivals changes, the ledger goes on."""
        before = self.hot, self.hooks[0]
        self.hooks, self.hot = self.draw.choice(HOOKS), self.draw.choice(("on", "off"))
        self.draw_domains()
        self.write_config()
        if (self.hot, self.hooks[0]) == before:
            self.daemon.ctl("reload")
        else:
            self.daemon.stop()
            self.daemon.ctl("detach")
            self.daemon.start()
        wait_for(lambda: self.states() == {"attached"}, "all hooks attached")
        lines = sum(part["hot_lines"] for part in self.daemon.status()["partitions"])
        check_equal(lines > 0, self.hot == "on", "a hot tier")

    def compare(self):
        """Everything that was sent since the beginning, after settle()."""
        self.sum.write()
        self.sum.compare(self.daemon, rollups=True)
        self.groups.check(self.daemon)
        wait_for(self.geo_answers, "the geo worker's answers")

    def geo_answers(self):
        rows = self.daemon.dump("--geo", "9.0.0.0/8")["addresses"]
        return all(row.get("country") == self.country and
                   row.get("name") == (self.name if int(row["address"].split(".")[1]) < 128
                                              else None) for row in rows)
