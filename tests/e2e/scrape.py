# SPDX-License-Identifier: GPL-2.0-or-later
"""What the HTTP endpoint says, read without libraries; and sums over it."""

import ctypes
import os
import re
import socket
import threading

from harness import Network, run, write
from tap import Failure, SLOW, check_equal

_SAMPLE = re.compile(r'^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000  # linux/sched.h
PORT = 9477  # the default


def loopback_up(network):
    """The endpoint's address belongs to lo, which is down in a new namespace."""
    run("ip", "-n", network.receiver, "link", "set", "lo", "up")


def with_loopback(context):
    """A network whose counter can be asked."""
    network = Network(context)
    loopback_up(network)
    return network


def write_private(path, text):
    """A file that only its owner reads, as secrets must be."""
    os.chmod(write(path, text), 0o600)


def enter(network):
    """Move the calling thread, which should end soon, into the counter's namespace."""
    descriptor = os.open(f"/run/netns/{network.receiver}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


def call_inside(network, action):
    """What action() returns in a thread of the counter's namespace: a socket stays where it was made."""
    answer, error = [], []

    def body():
        try:
            enter(network)
            answer.append(action())
        except OSError as problem:
            error.append(problem)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if error:
        raise error[0]
    return answer[0]


def connect_many(network, count=1, port=PORT, source="127.0.0.1", target="127.0.0.1"):
    """Sockets of the counter's namespace, connected."""
    made = []

    def connect():
        for _ in range(count):
            if target.startswith("/"):
                link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                link.connect(target)
            else:
                link = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET,
                                     socket.SOCK_STREAM)
                link.settimeout(15 * SLOW)
                if source != "127.0.0.1":
                    link.bind((source, 0))
                link.connect((target, port))
            made.append(link)

    try:
        call_inside(network, connect)
    except OSError:
        for link in made:
            link.close()
        raise
    return made


def read_answer(link):
    """One answer to a request that asked to close: (status, header fields, body)."""
    data = b""
    while True:
        piece = link.recv(1 << 16)
        if not piece:
            break
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        raise Failure(f"no answer: {data[:200]!r}")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, body


def get(network, path="/metrics", fields=(), method="GET", **where):
    """One request; (status, header fields, body)."""
    link, = connect_many(network, **where)
    with link:
        link.settimeout(15 * SLOW)
        head = [f"{method} {path} HTTP/1.1", "Host: ipacct", "Connection: close", *fields]
        link.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
        return read_answer(link)


def parse(text):
    """Samples as {(name, ((label, value), ...)): number}; each may occur once."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        name, labels, value = _SAMPLE.match(line).groups()
        key = (name, tuple(sorted(_LABEL.findall(labels or ""))))
        check_equal(key in found, False, f"twice: {key}")
        found[key] = float(value) if "." in value or "e" in value else int(value)
    return found


def scrape(network, **where):
    status, _, body = get(network, **where)
    check_equal(status, 200, "status of /metrics")
    return parse(body.decode())


def total(samples, name, **labels):
    """Sum of a family over the samples that have these labels."""
    wanted = set(labels.items())
    return sum(value for (found, pairs), value in samples.items()
               if found == name and wanted <= set(pairs))


def check_family(samples, kind, dump):
    """The family sums to all that the dump says was accounted, in each direction."""
    lines = dump["addresses"] + dump["rollups"]
    for direction in ("tx", "rx"):
        for unit in ("packets", "l3_bytes"):
            check_equal(total(samples, f"ipacct_{kind}_{unit}_total", direction=direction),
                        sum(line[f"{direction}_{unit}"] for line in lines),
                        f"sum of {kind} {direction} {unit}")


def check_interfaces(samples, dump):
    """Totals and reasons of every interface are the dump's."""
    for name in ("seen_packets", "seen_l2_bytes", "accounted_packets"):
        check_equal(total(samples, f"ipacct_interface_{name}_total"),
                    sum(one[name] for one in dump["interfaces"]), name)
    check_equal(total(samples, "ipacct_interface_family_l3_bytes_total"),
                sum(one["accounted_l3_bytes"] for one in dump["interfaces"]), "accounted_l3_bytes")
    for one in dump["interfaces"]:
        for reason, packets in one["ignored"].items():
            check_equal(total(samples, "ipacct_interface_ignored_packets_total",
                              device=one["ifname"], reason=reason), packets, reason)
