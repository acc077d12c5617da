# SPDX-License-Identifier: GPL-2.0-or-later
"""Tools that write for ever, into a pipe that nobody reads: a signal ends them as it does otherwise."""

import array
import fcntl
import json
import os
import signal
import subprocess
import termios
import threading

from harness import Daemon, Network, end_process, program
from tap import SLOW, check, check_equal, test, wait_for
from traffic import Traffic

PIPE_BYTES = 4096  # of one page: less than any frame below
WRITERS = {
    "top": ["ipacct-top", "--batch", "-d", "0.1", "-t", "200"],
    "top json": ["ipacct-top", "--json", "-d", "0.1", "-t", "200"],
    "dump": ["ipacct-dump", "-w", "0.1"],
    "dump json": ["ipacct-dump", "-j", "-w", "0.1"],
}


def waiting_in(pipe):
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def writer(context, daemon, name, *arguments):
    """Start a tool; return it when its pipe is full, so that it waits in the middle of a frame."""
    tool = subprocess.Popen(  # pylint: disable=consider-using-with
        [program(name), *daemon.arguments, *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=PIPE_BYTES)
    context.callback(end_process, tool, signal.SIGKILL)
    wait_for(lambda: waiting_in(tool.stdout) == PIPE_BYTES, f"{name} filled its pipe", 20)
    return tool


def start(context):
    network = Network(context)
    daemon = Daemon(context, network).start()
    Traffic(context, network, addresses=300, rate=5000).start()
    return daemon


@test(limit_s=90)
def full_pipe_lets_a_signal_end_its_writer(context):
    daemon = start(context)
    for name, command in WRITERS.items():
        for number in (signal.SIGTERM, signal.SIGINT):
            tool = writer(context, daemon, *command)
            tool.send_signal(number)
            try:
                code = tool.wait(15 * SLOW)
            except subprocess.TimeoutExpired:
                code = "none: it goes on"
            check_equal(code, 0, f"{name}: exit code after {number.name}")
            check_equal(tool.stderr.read(), b"", f"{name}: complaint")


@test(limit_s=60)
def reader_that_goes_on_has_the_last_frame_whole(context):
    daemon = start(context)
    tool = writer(context, daemon, *WRITERS["dump json"])
    text = bytearray()
    reader = threading.Thread(target=lambda: text.extend(tool.stdout.read()))
    os.kill(tool.pid, signal.SIGSTOP)
    reader.start()
    wait_for(lambda: waiting_in(tool.stdout) == 0, "the reader reads")
    tool.send_signal(signal.SIGTERM)
    tool.send_signal(signal.SIGCONT)
    check_equal(tool.wait(30 * SLOW), 0, "exit code")
    reader.join()
    decoder, at, n_frames = json.JSONDecoder(), 0, 0
    while at < len(text.strip()):
        frame, at = decoder.raw_decode(text.decode(), at)
        at += len(text[at:]) - len(text[at:].lstrip())
        check_equal(frame["schema"], "ipacct.dump.interval/1", "schema")
        n_frames += 1
    check(n_frames >= 1 and len(text) > PIPE_BYTES, f"{n_frames} frames of {len(text)} octets")
