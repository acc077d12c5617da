#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Known traffic of real sockets. Prints "ready" when somebody may begin, then what it counted.

    flow.py sink ADDRESS PORT N_FLOWS           take N_FLOWS TCP streams to their end
    flow.py stream ADDRESS PORT BYTES [wait]    send BYTES by sendfile(2), so that TCP makes GSO packets
    flow.py fetch ADDRESS PORT BYTES            ask a `serve` for BYTES
    flow.py serve ADDRESS PORT N_FLOWS          answer so many of them
    flow.py segments ADDRESS PORT BYTES SIZE N  N times BYTES in one call, UDP_SEGMENT SIZE
    flow.py datagrams ADDRESS PORT BYTES N      N datagrams
    flow.py drain ADDRESS PORT N                take N datagrams
    flow.py vnet DEVICE GSO_TYPE SIZE LINEAR HEX
                                                one frame by a packet socket with a virtio header
    flow.py tun DEVICE N                        answer N UDP datagrams that leave by a tun device
"""

import fcntl
import os
import socket
import struct
import sys
import tempfile

UDP_SEGMENT = 103  # linux/udp.h
LIMIT_S = 60 * float(os.environ.get("IPACCT_TEST_SLOW", "1"))
SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/if_packet.h
WINDOW = 60_000  # what is on its way fits into the ring of a veth (256 frames)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(address):
    link = socket.socket(family(address), socket.SOCK_STREAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    link.settimeout(LIMIT_S)
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
            link.settimeout(LIMIT_S)
            print(take_all(link), flush=True)
            link.close()


def serve(address, port, n_flows):
    with listen(address, port) as server:
        for _ in range(int(n_flows)):
            link, _ = server.accept()
            link.settimeout(LIMIT_S)
            give(link, int(link.recv(20)))
            take_all(link)
            link.close()


def stream(address, port, n_bytes, wait=""):
    with tcp(address) as link:
        link.connect((address, int(port)))
        if wait:
            print("ready", flush=True)
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
        link.settimeout(LIMIT_S)
        # a datagram that came through XDP takes a page; SO_RCVBUFFORCE: over net.core.rmem_max
        link.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
        link.bind((address, int(port)))
        print("ready", flush=True)
        print(sum(len(link.recv(1 << 16)) for _ in range(int(n))))


def vnet(device, gso_type, size, linear, text):
    """struct virtio_net_hdr: flags 0, GSO type, length of the linear part, size of a segment."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((device, 0))
        link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        frame = bytes.fromhex(text)
        # flags: the checksum is to be written; where it begins, and where it goes: TCP 16, UDP 6
        check = (1, 34, 16 if frame[23] == 6 else 6) if int(gso_type) else (0, 0, 0)
        link.send(struct.pack("=BBHHHH", check[0], int(gso_type), int(linear), int(size),
                              *check[1:]) + frame)


def tun(device, n):
    """Both addresses change places; the checksums stay right."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    # linux/if_tun.h TUNSETIFF, IFF_TUN | IFF_NO_PI
    fcntl.ioctl(descriptor, 0x400454ca, struct.pack("16sH22x", device.encode(), 0x1001))
    print("ready", flush=True)
    found = 0
    while found < int(n):
        packet = os.read(descriptor, 1 << 16)
        first, bytes_ = (12, 4) if packet[0] >> 4 == 4 else (8, 16)
        if packet[9 if bytes_ == 4 else 6] != 17:
            continue
        source, destination = packet[first:first + bytes_], packet[first + bytes_:][:bytes_]
        os.write(descriptor, packet[:first] + destination + source + packet[first + 2 * bytes_:])
        found += 1
    print(found)


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
