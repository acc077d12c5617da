#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic of the demo network: small UDP queries and larger answers, and frames with VLAN tags.

demo_traffic.py serve                      answer on port 5353, each query with its own size
demo_traffic.py ask SOURCES SERVERS        commas between addresses; rates fall as in real life
demo_traffic.py tagged DEVICE VLAN         IPv4 over 802.1Q, as a trunk port would bring it"""

import random
import selectors
import socket
import struct
import sys
import time

PORT = 5353
ROUND_S = 0.02  # one round of queries
ETH_P_8021Q = 0x8100  # linux/if_ether.h
ETH_P_IP = 0x0800


def serve():
    watch = selectors.DefaultSelector()
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        server = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Answer from the address that was asked, not from the first of the device.
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            kind = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
        else:
            ip_pktinfo = 8  # linux/in.h IP_PKTINFO
            server.setsockopt(socket.IPPROTO_IP, ip_pktinfo, 1)
            kind = (socket.IPPROTO_IP, ip_pktinfo)
        server.bind((address, PORT))
        watch.register(server, selectors.EVENT_READ, kind)
    while True:
        for key, _ in watch.select():
            query, control, _, peer = key.fileobj.recvmsg(2048, 256)
            size = 64 + query[0] * 5 if query else 64
            answer = [(level, kind, data if level == socket.IPPROTO_IPV6 else
                       struct.pack("=i4s4s", 0, data[4:8], data[4:8]))
                      for level, kind, data in control if (level, kind) == key.data]
            try:
                key.fileobj.sendmsg([bytes(size)], answer, 0, peer)
            except OSError:
                pass  # the asker is gone: the demo is being taken down


def ask(sources, servers):
    sockets = []
    for rank, source in enumerate(sources):
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        link = socket.socket(family, socket.SOCK_DGRAM)
        link.setblocking(False)
        link.bind((source, 0))
        peers = [server for server in servers if (":" in server) == (":" in source)]
        sockets.append((link, peers, 1.0 / (1 + rank % 16)))
    while True:
        for link, peers, share in sockets:
            if random.random() > share:
                continue
            try:
                link.sendto(bytes([random.randrange(256)]) * 40, (random.choice(peers), PORT))
                while True:
                    link.recv(2048)
            except OSError:
                pass  # nothing to read yet, or a neighbour that is not resolved yet
        time.sleep(ROUND_S)


def tagged(device, vlan):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((device, 0))
    header = b"\xff" * 6 + bytes.fromhex("020000000010")  # a locally administered address
    header += struct.pack("!HHH", ETH_P_8021Q, vlan, ETH_P_IP)
    while True:
        payload = bytes(random.choice((18, 200, 900)))
        source = socket.inet_aton(f"203.0.113.{random.randrange(1, 30)}")  # RFC 5737
        target = socket.inet_aton(f"203.0.113.{random.randrange(200, 210)}")
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0, source,
                         target)
        try:
            link.send(header + ip + payload)
        except OSError:
            return  # the device went away: the demo is being taken down
        time.sleep(ROUND_S)


def main(arguments):
    if arguments[:1] == ["serve"]:
        serve()
    elif arguments[:1] == ["ask"] and len(arguments) == 3:
        ask(arguments[1].split(","), arguments[2].split(","))
    elif arguments[:1] == ["tagged"] and len(arguments) == 3:
        tagged(arguments[1], int(arguments[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
