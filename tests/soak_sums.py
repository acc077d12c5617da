# SPDX-License-Identifier: GPL-2.0-or-later
"""What a soak has sent so far: accounts of the generator added up, by address and by group."""

import ipaddress
import os

from groups import COUNTERS
from tap import check, check_equal
from traffic import Traffic

VARIANT = "~"  # behind it: which of the names that one group has by turns


class Sum(Traffic):
    """Many accounts as one, in the generator's format; compare() is the generator's."""

    def __init__(self, context):  # pylint: disable=super-init-not-called  # nothing is sent
        self.account = os.path.join(context.folder, "sum")
        self.records, self.amounts, self.reasons = {}, [0, 0, 0, 0], {}
        self.write()

    def add(self, account):
        """One more account; its records as (address, domain, counters)."""
        found = []
        with open(account, encoding="ascii") as lines:
            for line in lines:
                fields = line.rstrip("\n").split("\t")
                if fields[0] == "total":
                    self.amounts = [a + int(b) for a, b in zip(self.amounts, fields[1:])]
                elif fields[0] == "ignored":
                    self._add(self.reasons, fields[1], fields[2:])
                else:
                    found.append((fields[0], int(fields[1]), list(map(int, fields[2:6]))))
                    self._add(self.records, (fields[0], fields[1]), fields[2:6])
        return found

    @staticmethod
    def _add(into, key, values):
        before = into.setdefault(key, [0] * len(values))
        for i, value in enumerate(values):
            before[i] += int(value)

    def totals(self):
        return tuple(self.amounts)

    def ignored(self):
        return {reason: values[0] for reason, values in self.reasons.items()}

    def write(self):
        with open(self.account, "w", encoding="ascii") as out:
            for (address, domain), counters in self.records.items():
                print(address, domain, *counters, sep="\t", file=out)
            print("total", *self.amounts, sep="\t", file=out)
            for reason, values in self.reasons.items():
                print("ignored", reason, *values, sep="\t", file=out)


class Groups:
    """A list that changes, and what each group must have had. Names that differ in what stands behind
    VARIANT are one group to it: which of them was in the list at a packet's time nobody can say."""

    def __init__(self, draw):
        self.draw, self.expected, self.prefixes = draw, {}, {}
        self.redraw()

    def redraw(self):
        """Other prefixes, of few names: so groups lose and gain prefixes, and some leave and return."""
        names = [f"customer {i}" for i in range(12)]
        networks = ["10.0.0.0/8"] if self.draw.random() < 0.5 else []
        for _ in range(self.draw.randrange(8, 24)):
            if self.draw.random() < 0.5:
                one = (10 << 24 | self.draw.getrandbits(24), self.draw.randrange(9, 17))
            else:
                one = (0x3fff << 112 | self.draw.getrandbits(108), self.draw.randrange(21, 33))
            networks.append(str(ipaddress.ip_network(one, strict=False)))
        self.prefixes = {}
        for network in networks:
            for domain in self.draw.sample((None, 7, 8), self.draw.randrange(1, 3)):
                self.prefixes[ipaddress.ip_network(network), domain] = self.draw.choice(names)

    def text(self):
        """The list as a file, each group by one of its names, with groups in it that have no packets."""
        variant = self.draw.randrange(3)
        lines = ["# made by tests/soak.py"]
        for (network, domain), name in self.prefixes.items():
            words = [str(network), f'"{name}{VARIANT}{variant}"']
            words += [f"domain={domain}"] if domain is not None else []
            words += ["protect=yes"] if self.draw.random() < 0.2 else []
            lines.append(" ".join(words))
        for i in range(self.draw.choice((0, 10, 3000))):
            lines.append(f"172.{16 + i // 256}.{i % 256}.0/24 silent-{i}")
        self.draw.shuffle(lines)
        return "\n".join(lines) + "\n"

    def add(self, records):
        """What was sent while these prefixes were the list's."""
        lengths = sorted({(network.version, network.prefixlen) for network, _ in self.prefixes},
                         reverse=True)
        by_key = {(network.version, network.prefixlen, int(network.network_address), domain): name
                  for (network, domain), name in self.prefixes.items()}
        for text, domain, counters in records:
            address = ipaddress.ip_address(text)
            name = self._name(address, domain, lengths, by_key)
            total = self.expected.setdefault(name, [0, 0, 0, 0])
            for i, value in enumerate(counters):
                total[i] += value

    @staticmethod
    def _name(address, domain, lengths, by_key):
        """The longest prefix; of two as long the one of the address's domain (ipacctd(8), GROUPS)."""
        for version, length in lengths:
            if version != address.version:
                continue
            rest = address.max_prefixlen - length
            first = int(address) >> rest << rest
            for one in (domain, None):
                name = by_key.get((version, length, first, one))
                if name:
                    return name
        return None

    def check(self, daemon):
        """Each group has what was sent to and from its addresses; what one lacks was rolled up."""
        found, rolled_up = {}, [0, 0, 0, 0]
        for row in daemon.dump("--by", "group")["groups"]:
            values = [row[field] for field in COUNTERS]
            if row["kind"] == "rolled_up":
                rolled_up = values
                continue
            check(row["kind"] in ("group", "unknown"), f"groups have a row {row}")
            name = row["group"].partition(VARIANT)[0] if row["kind"] == "group" else None
            found[name] = [a + b for a, b in zip(found.get(name, (0,) * 4), values)]
        lack = [0, 0, 0, 0]
        for name in set(found) | set(self.expected):
            want, have = self.expected.get(name, [0] * 4), found.get(name, [0] * 4)
            check(all(h <= w for h, w in zip(have, want)),
                  f"group {name} has {have}, sent were {want}")
            lack = [a + w - h for a, w, h in zip(lack, want, have)]
        check_equal(lack, rolled_up, "what groups lack of what was sent, and what was rolled up")
