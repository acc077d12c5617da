# SPDX-License-Identifier: GPL-2.0-or-later
"""Known traffic of sockets that this process has in other namespaces: in the guests of tests/vm a
process of its own for each end (flow.py) costs seconds."""

import socket
import threading

import flow
from scrape import call_inside
from tap import check_equal

PORT = 7001
FORCED_BUFFER = 33  # asm-generic/socket.h SO_RCVBUFFORCE: over net.core.rmem_max


def socket_in(context, space, make):
    """make()'s socket, of that namespace; closed with the test."""
    link = call_inside(space, make)
    context.callback(link.close)
    link.settimeout(flow.LIMIT_S)
    return link


def bulk(context, sender, target, pair, n_bytes):
    """A TCP stream by sendfile from the first address of a pair to the second, in pieces that make
    super-packets; it must arrive whole."""
    def bound(address, port):
        link = flow.tcp(address)
        link.bind((address, port))
        return link

    server = socket_in(context, target, lambda: bound(pair[1], PORT))
    server.listen(1)
    client = socket_in(context, sender, lambda: bound(pair[0], 0))
    client.connect((pair[1], PORT))
    link, _ = server.accept()
    context.callback(link.close)
    link.settimeout(flow.LIMIT_S)
    feeder = threading.Thread(target=flow.give, args=(client, n_bytes))
    feeder.start()
    check_equal(flow.take_all(link), n_bytes, f"octets of the stream to {pair[1]}")
    feeder.join()
    for one in (link, server, client):
        one.close()


def datagrams(context, sender, target, pair, sizes, segment=None):
    """A datagram of each size from the first address of a pair to the second. segment: each is a
    super-packet of datagrams that long (UDP_SEGMENT). Returns packets and octets of payload."""
    def bound(address, option, value):
        link = socket.socket(flow.family(address), socket.SOCK_DGRAM)
        link.setsockopt(socket.SOL_SOCKET, option, value)
        link.bind((address, PORT))
        return link

    sink = socket_in(context, target, lambda: bound(pair[1], FORCED_BUFFER, 8 << 20))
    link = socket_in(context, sender, lambda: bound(pair[0], socket.SO_REUSEADDR, 1))
    if segment:
        link.setsockopt(socket.IPPROTO_UDP, flow.UDP_SEGMENT, segment)
    for size in sizes:
        link.sendto(bytes(size), (pair[1], PORT))
    packets = sum(-(-size // segment) for size in sizes) if segment else len(sizes)
    octets = sum(len(sink.recv(1 << 16)) for _ in range(packets))
    check_equal(octets, sum(sizes), f"octets of datagrams to {pair[1]}")
    link.close()
    sink.close()
    return packets, octets
