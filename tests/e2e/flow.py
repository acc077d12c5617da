#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Known traffic of real sockets. Prints "ready" when somebody may begin, then what it counted.

    flow.py sink ADDRESS PORT N_FLOWS           take N_FLOWS TCP streams to their end
    flow.py stream ADDRESS PORT BYTES           send BYTES by sendfile(2), so that TCP makes GSO packets
    flow.py fetch ADDRESS PORT BYTES            ask a `serve` for BYTES
    flow.py serve ADDRESS PORT N_FLOWS          answer so many of them
    flow.py segments ADDRESS PORT BYTES SIZE N  N times BYTES in one call, UDP_SEGMENT SIZE
    flow.py datagrams ADDRESS PORT BYTES N      N datagrams
    flow.py drain ADDRESS PORT N                take N datagrams
    flow.py vnet DEVICE HEX GSO_TYPE HEADER SIZE LINEAR
                                                one frame by a packet socket with a virtio header
"""

import os
import socket
import struct
import sys
import tempfile

UDP_SEGMENT = 103  # linux/udp.h
SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/if_packet.h
WINDOW = 60_000  # what is on its way fits into the ring of a veth (256 frames)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(address):
    link = socket.socket(family(address), socket.SOCK_STREAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    link.settimeout(60)
    return link


def listen(address, port):
    link = tcp(address)
    link.bind((address, int(port)))
    link.listen(16)
    print("ready", flush=True)
    return link


def take_all(link):
    total = 0
    while piece := link.recv(1 << 16):
        total += len(piece)
    return total


def give(link, n_bytes):
    with tempfile.TemporaryFile() as file:
        file.truncate(int(n_bytes))
        link.sendfile(file)
    link.shutdown(socket.SHUT_WR)


def sink(address, port, n_flows):
    with listen(address, port) as server:
        for _ in range(int(n_flows)):
            link, _ = server.accept()
            link.settimeout(60)
            print(take_all(link), flush=True)
            link.close()


def serve(address, port, n_flows):
    with listen(address, port) as server:
        for _ in range(int(n_flows)):
            link, _ = server.accept()
            link.settimeout(60)
            give(link, int(link.recv(20)))
            take_all(link)
            link.close()


def stream(address, port, n_bytes):
    with tcp(address) as link:
        link.connect((address, int(port)))
        give(link, n_bytes)
        take_all(link)


def fetch(address, port, n_bytes):
    with tcp(address) as link:
        link.connect((address, int(port)))
        link.send(str(n_bytes).encode())
        print(take_all(link))


def segments(address, port, n_bytes, size, n):
    with socket.socket(family(address), socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, int(size))
        for _ in range(int(n)):
            link.sendto(bytes(int(n_bytes)), (address, int(port)))


def datagrams(address, port, n_bytes, n):
    with socket.socket(family(address), socket.SOCK_DGRAM) as link:
        for _ in range(int(n)):
            link.sendto(bytes(int(n_bytes)), (address, int(port)))


def drain(address, port, n):
    with socket.socket(family(address), socket.SOCK_DGRAM) as link:
        link.settimeout(60)
        link.bind((address, int(port)))
        print("ready", flush=True)
        print(sum(len(link.recv(1 << 16)) for _ in range(int(n))))


def vnet(device, text, gso_type, header, size, linear):
    """struct virtio_net_hdr: flags 0, GSO type, length of the linear part, size of a segment."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, 0))
        link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        head = struct.pack("=BBHHHH", 1 if int(gso_type) else 0, int(gso_type), int(linear),
                           int(size), int(header), 16 if int(gso_type) else 0)
        link.send(head + bytes.fromhex(text))


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
