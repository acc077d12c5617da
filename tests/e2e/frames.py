# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames out of a device, each of them sent: frames.py DEVICE <LINES OF HEX."""

import errno
import socket
import sys
import time

FULL_LIMIT_S = 10


def packet_socket(device):
    """Of the namespace that the caller is in."""
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((device, 0))
    return link


def send(link, octets):
    """A veth without queue refuses what its full ring cannot take (packet(7), ENOBUFS), which is when
    the other end's CPU has had no time for it: wait for room."""
    deadline = time.monotonic() + FULL_LIMIT_S
    while True:
        try:
            return link.send(octets)
        except OSError as error:
            if error.errno != errno.ENOBUFS or time.monotonic() > deadline:
                raise
        time.sleep(0.001)  # nothing tells of room


if __name__ == "__main__":
    with packet_socket(sys.argv[1]) as out:
        for line in sys.stdin:
            send(out, bytes.fromhex(line))
