# SPDX-License-Identifier: GPL-2.0-or-later
"""The geo file read by its description alone, databases made by others, and packets of any address."""

import concurrent.futures
import ipaddress
import json
import mmap
import os
import random
import re
import struct
import subprocess
import sys

from harness import Place
from tap import Failure, check, check_equal, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))

# xdp/include/ipacct/geo.h and abi.h, written by hand: another compiler's view of the same bytes.
HEADER = struct.Struct("=QIIIIQIIQQQQQQQQ")
HEADER_NAMES = ("magic", "version", "header_bytes", "record_bytes", "n_records_max", "strings_at",
                "strings_bytes_max", "strings_bytes", "file_bytes", "generation", "updated_ns",
                "lookups", "known", "negative", "pending", "strings_full")
DATABASE = struct.Struct("=224s64sQQII")
RECORD = struct.Struct("=I16sHH2sBBIIIIIIIII")
RECORD_NAMES = ("sequence", "address", "domain", "reserved0", "country", "address_class", "flags",
                "asn", "country_name", "region", "city", "as_org", "name", "generation",
                "reserved1", "reserved2")
RECORD_BYTES = 64
LEDGER_RECORD_BYTES = 128
KNOWN, OVERRIDE = 1, 2
CLASSES = ("global", "private", "shared", "loopback", "link_local", "multicast", "broadcast",
           "documentation", "reserved")


def key_bytes(address):
    parsed = ipaddress.ip_address(address)
    return parsed.packed if parsed.version == 6 else bytes(10) + b"\xff\xff" + parsed.packed


def address_text(packed):
    if packed[:12] == bytes(10) + b"\xff\xff":
        return str(ipaddress.IPv4Address(packed[12:]))
    return str(ipaddress.IPv6Address(packed))


class GeoFile:
    """The file of a runtime directory, mapped read-only."""

    def __init__(self, place):
        self.path = os.path.join(place.runtime, "geo")
        self.ledger_path = os.path.join(place.runtime, "ledger")
        with open(self.path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def header(self):
        return dict(zip(HEADER_NAMES, HEADER.unpack_from(self.map)))

    def databases(self):
        rows = []
        for i in range(3):
            path, kind, build_s, loaded_ns, state, _ = DATABASE.unpack_from(
                self.map, HEADER.size + i * DATABASE.size)
            rows.append({"path": path.rstrip(b"\0").decode(), "type": kind.rstrip(b"\0").decode(),
                         "build_s": build_s, "loaded_ns": loaded_ns, "state": state})
        return rows

    def text(self, offset):
        """A string; None for 0. Whatever is wrong with the offset is a failure."""
        header = self.header()
        if not offset:
            return None
        check(offset < header["strings_bytes"], f"offset {offset} of {header['strings_bytes']}")
        at = header["strings_at"] + offset
        return self.map[at:self.map.find(b"\0", at)].decode()

    def raw(self, index):
        at = 4096 + index * RECORD_BYTES
        return dict(zip(RECORD_NAMES, RECORD.unpack_from(self.map, at)))

    def record(self, index):
        """A record that was not written meanwhile, with its texts."""
        def whole():
            first = self.raw(index)
            return first if not first["sequence"] & 1 and self.raw(index) == first else None
        record = wait_for(whole, f"record {index} at rest")
        for field in ("country_name", "region", "city", "as_org", "name"):
            record[field] = self.text(record[field])
        record["country"] = record["country"].decode() if record["country"] != b"\0\0" else None
        record["address_class"] = CLASSES[record["address_class"]]
        return record

    def ledger_addresses(self):
        """(address, domain) by index, as the ledger has them now."""
        with open(self.ledger_path, "rb") as file:
            data = file.read()
        # struct ipacct_ledger_header
        (_, _, _, _, interface_bytes, n_interfaces_max, n_rollups_max, _, n_series_max) = \
            struct.unpack_from("=QIIIIIIII", data)
        n_addresses, = struct.unpack_from("=I", data, 76)
        series_bytes = 168  # struct ipacct_ledger_series
        at = (4096 + n_interfaces_max * interface_bytes + n_series_max * series_bytes +
              n_rollups_max * LEDGER_RECORD_BYTES)
        found = []
        for i in range(n_addresses):
            address, domain = struct.unpack_from("=16sH", data, at + i * LEDGER_RECORD_BYTES)
            found.append((address, domain))
        return found

    def answers(self):
        """By address text: the record that readers would join to it, None where it is another's."""
        joined = {}
        for index, (address, domain) in enumerate(self.ledger_addresses()):
            record = self.record(index)
            mine = (record["sequence"] and record["address"] == address and
                    record["domain"] == domain)
            joined[address_text(address)] = record if mine else None
        return joined

    def settled(self, n, generation=None, limit_s=10):
        """Wait until at least n addresses are there and all have an answer."""
        def done():
            header = self.header()
            return (header["pending"] == 0 and header["known"] + header["negative"] >= n and
                    (generation is None or header["generation"] == generation))
        try:
            wait_for(done, f"{n} answers", limit_s)
        except Failure as late:
            raise Failure(f"{late}: {self.header()}") from late
        return self.header()


def make_database(path, networks, kind="Test-City", ip_version=6, record_size=24, flat=False,
                  languages=("en",)):
    """Written by Debian's libmaxmind-db-writer-perl beside `path`, then renamed over it."""
    wanted = {"path": path + ".new", "type": kind, "ip_version": ip_version,
              "record_size": record_size, "flat": flat, "languages": list(languages),
              "networks": networks}
    done = subprocess.run(["perl", os.path.join(HERE, "make_mmdb.pl")], input=json.dumps(wanted),
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(done.returncode, 0, f"make_mmdb.pl: {done.stderr}")
    os.rename(path + ".new", path)


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}\[\]:])|<[a-z0-9_]+>|([0-9]+)')


# ---- Databases by hand, most of them hostile (maxmind.github.io/MaxMind-DB) -------------------------

def _text(word):
    return bytes([2 << 5 | len(word)]) + word.encode()


def _number(kind, value, size):
    head = bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
    return head + value.to_bytes(size, "big")


def _hostile(path, entry, languages):
    """9.0.0.0/8 with this entry; valid in every other way; renamed into place."""
    nodes, address = [], 9 << 24
    for bit in range(8):
        # A record of 8, the number of nodes, means nothing; 8 + 16 the first octet of the data.
        follow, other = (24 if bit == 7 else bit + 1), 8
        nodes.append((other, follow) if address >> (31 - bit) & 1 else (follow, other))
    tree = b"".join(left.to_bytes(3, "big") + right.to_bytes(3, "big") for left, right in nodes)
    # Languages come first: pointers in them count from here.
    metadata = bytes([7 << 5 | 9]) + _text("languages") + languages + b"".join((
        _text("binary_format_major_version"), _number(5, 2, 2),
        _text("binary_format_minor_version"), _number(5, 0, 2),
        _text("build_epoch"), _number(9, 1_700_000_000, 8), _text("database_type"),
        _text("Hostile"), _text("description"), bytes([7 << 5]), _text("ip_version"),
        _number(5, 4, 2), _text("node_count"), _number(6, len(nodes), 4), _text("record_size"),
        _number(5, 24, 2)))
    with open(path + ".new", "wb") as out:
        out.write(tree + bytes(16) + entry + b"\xab\xcd\xefMaxMind.com" + metadata)
    os.rename(path + ".new", path)


def crashing_database(path):
    """Arrays nested 300,000 deep before the country: libmaxminddb 1.7 recurses into them until its
    stack ends."""
    _hostile(path, bytes([7 << 5 | 2]) + _text("a") + bytes([1, 4]) * 300_000 + _text("x") +
             _text("country_code") + _text("DE"), bytes([0, 4]))


def greedy_database(path):
    """A list of languages that points to lists that point to lists …: libmaxminddb 1.7 decodes 32^12
    values when it opens this, as far as its memory goes."""
    at = 1 + len(_text("languages"))
    levels = 12
    languages = bytes([levels + 2, 4])
    below = at + len(languages)
    languages += _text("en")
    for _ in range(levels):
        here = at + len(languages)
        languages += bytes([29, 4, 3]) + (bytes([1 << 5 | 3 << 3]) + below.to_bytes(4, "big")) * 32
        below = here
    languages += bytes([1 << 5 | 3 << 3]) + below.to_bytes(4, "big")
    _hostile(path, bytes([7 << 5 | 1]) + _text("country_code") + _text("DE"), languages)


def large_database(path, n_bytes, code):
    """Harmless: so many octets of nothing beside the country."""
    blob = bytes([4 << 5 | 31]) + (n_bytes - 65821).to_bytes(3, "big") + bytes(n_bytes)
    _hostile(path, bytes([7 << 5 | 2]) + _text("a") + blob + _text("country_code") + _text(code),
             bytes([0, 4]))


_END = object()  # of a list


def _value(tokens):
    """One value of mmdblookup's notation, which has no commas."""
    text, mark, number = next(tokens)
    if mark == "{":
        found = {}
        for text, mark, _ in tokens:
            if mark == "}":
                return found
            check_equal(next(tokens)[1], ":", "after a key")
            found[text] = _value(tokens)
    if mark == "[":
        found = []
        while (one := _value(tokens)) is not _END:
            found.append(one)
        return found
    if mark == "]":
        return _END
    return int(number) if number else text


def parse_mmdblookup(text):
    tokens = ((one[1], one[2], one[3]) for one in _TOKEN.finditer(text) if one[0][0] != "<")
    return _value(tokens)


def mmdblookup(path, addresses):
    """What libmaxminddb's own program says of each address: a dict of values, None when it knows
    nothing. Two shells beside each other: a program is started for every address."""
    script = 'while read -r ip; do echo "== $ip"; mmdblookup --file "$0" --ip "$ip" 2>&1; done'
    halves = [addresses[::2], addresses[1::2]]
    shells = [subprocess.Popen(["sh", "-c", script, path], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True) for _ in halves]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outputs = list(pool.map(lambda pair: pair[0].communicate(
            "".join(one + "\n" for one in pair[1]))[0],
                                zip(shells, halves)))
    found = {}
    for block in "".join(outputs).split("== ")[1:]:
        address, _, text = block.partition("\n")
        found[address] = None if "Could not find" in text else parse_mmdblookup(text)
    check_equal(len(found), len(addresses), "answers of mmdblookup")
    return found


# ---- Packets -------------------------------------------------------------------------------------

def frame(source, destination):
    """An Ethernet frame with an empty UDP packet; checksums are nobody's business here."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    ethernet = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
    if a.version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + a.packed + b.packed
        return ethernet + b"\x08\x00" + ip + struct.pack("!HHHH", 9, 9, 8, 0)
    ip = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + a.packed + b.packed
    return ethernet + b"\x86\xdd" + ip + struct.pack("!HHHH", 9, 9, 8, 0)


def send(network, addresses):
    """One packet from each address to the next of its family, out of tx0."""
    addresses = list(addresses)
    frames = []
    for version in (4, 6):
        family = [one for one in addresses if ipaddress.ip_address(one).version == version]
        for i, address in enumerate(family):
            frames.append(frame(address, family[(i + 1) % len(family)]))
    return send_frames(network, frames)


def send_frames(network, frames):
    """Out of tx0; returns how many."""
    done = subprocess.run(
        network.command_inside(network.sender, sys.executable, "-B",
                               os.path.join(HERE, "frames.py"), "tx0"),
        input="\n".join(one.hex() for one in frames), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check_equal(done.returncode, 0, f"sender: {done.stderr}")
    return len(frames)


def send_and_cut(daemon, network, addresses):
    """Send from each address and cut until the ledger has all of them."""
    sent = daemon.seen("--live") + send(network, addresses)
    wait_for(lambda: daemon.cut() and daemon.seen() >= sent, "all packets in the ledger")


def is_public(address):
    """Somebody's on the Internet, by Python's own reading of RFC 6890 (a little stricter)."""
    one = ipaddress.ip_address(address)
    return one.is_global and not one.is_multicast and not one.is_reserved


def random_addresses(n, seed, version):
    """Different public addresses."""
    draw = random.Random(seed)
    found = {}
    while len(found) < n:
        if version == 4:
            one = ipaddress.IPv4Address(draw.getrandbits(32))
        else:
            one = ipaddress.IPv6Address(0x24 << 120 | draw.getrandbits(122))
        if is_public(one):
            found[str(one)] = True
    return list(found)


# ---- Places --------------------------------------------------------------------------------------

CITIES = [
    ["8.8.8.0/24", {"country": {"iso_code": "US", "names": {"en": "United States"}}}],
    ["9.0.0.0/8", {"country": {"iso_code": "DE", "names": {"en": "Germany"}},
                   "city": {"names": {"en": "Munich"}},
                   "subdivisions": [{"iso_code": "BY", "names": {"en": "Bavaria"}}]}],
]


def with_database(context, networks=None, **how):
    """A place, a database in it that everybody may read, and its path."""
    place = Place(context)
    path = os.path.join(place.base, "data.mmdb")
    make_database(path, networks or CITIES, **how)
    return place, path
