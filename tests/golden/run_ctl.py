#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacctctl before a daemon that the test plays; options, manual pages and completion of all programs.

usage: run_ctl.py DUMP CTL MAKE_LEDGER MAKE_GEO DAEMON"""

import json
import os
import re
import socket
import subprocess
import sys
import threading

from golden import DEADLINE_S, test
from ledgers import CTL, DAEMON, DUMP, TOP, good, main, make, refused, run


@test
def options_in_help_and_manual_are_the_same():
    pages = [(DUMP, "ipacct-dump.1.scd"), (CTL, "ipacctctl.8.scd")]
    for program, page in pages + [(daemon, "ipacctd.8.scd") for daemon in DAEMON]:
        text = subprocess.run([program, "--help"], check=True, timeout=DEADLINE_S,
                              stdout=subprocess.PIPE).stdout.decode()
        listed = set(re.findall(r"^  (?:-\w, |    )(--[\w-]+)", text, re.M))
        with open(os.path.join(TOP, "tools", "man", page), encoding="utf-8") as file:
            manual = set(re.findall(r"^\*?(?:-\w\*, \*)?(--[\w-]+)\*", file.read(), re.M))
        assert listed and listed == manual, (page, listed ^ manual)


def complete(program, *words):
    """What bash offers for the last word."""
    name = os.path.basename(program)
    script = f"""source "{TOP}/tools/completion/{name}"
        shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{name.replace("-", "_")}
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", "x", program, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, b""), done
    return set(done.stdout.decode().split())


@test
def bash_completes_verbs_options_and_values():
    assert complete(CTL, "st") == {"status"}
    assert complete(CTL, "") == {"status", "verify", "groups", "doctor", "plan", "reload", "cut",
                                 "confirm", "detach"}
    assert complete(CTL, "--run") == {"--runtime-dir"}
    assert complete(DUMP, "--s") == {"--sort"}
    assert {"--json", "--oneline", "--help", "--human"} <= complete(DUMP, "--")
    assert complete(DUMP, "--sort", "tx") == {"tx_bytes", "tx_packets"}
    assert complete(DUMP, "--color", "=", "a") == {"auto", "always"}
    assert complete(DUMP, "--top", "") == set()
    assert complete(DUMP, "--by", "") == {"country", "asn", "name", "group", "prefix"}
    assert complete(DUMP, "--asn", "") == set()


def answer_once(path, reply, heard):
    """A peer on the control socket that takes one request and sends these octets."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(path)
    server.listen(1)

    def serve():
        with server:
            peer, _ = server.accept()
            with peer:
                heard.append(peer.recv(65536))
                if reply:
                    peer.send(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def with_peer(reply, *args):
    make("peer", "committed")
    heard = []
    thread = answer_once("peer/control", reply, heard)
    done = run(CTL, *args, variant="peer")
    thread.join(DEADLINE_S)
    os.unlink("peer/control")
    return done, json.loads(heard[0])


@test
def ctl_sends_one_request_and_obeys_the_reply():
    done, request = with_peer(b'{"exit":0,"cut":41}', "cut")
    assert (done.returncode, done.stdout) == (0, b"cut 41\n") and request == {"command": "cut"}
    done, request = with_peer(b'{"exit":78,"error":"f.yaml:3:1: unknown key"}', "reload")
    assert done.returncode == 78 and b"f.yaml:3:1: unknown key" in done.stderr
    done, request = with_peer(b'{"exit":0}', "detach", "eth0", "eth1")
    assert done.returncode == 0
    assert request == {"command": "detach", "interfaces": ["eth0", "eth1"]}
    done, request = with_peer(b'{"exit":0}', "confirm", "-j")
    assert json.loads(done.stdout) == {"exit": 0} and request == {"command": "confirm"}


@test
def ctl_refuses_replies_that_are_none():
    for reply in (b"", b"x", b"{}", b"[]", b'{"exit":"0"}', b'{"exit":-1}', b'{"exit":256}',
                  b'{"exit":0,"exit":0}', b'{"exit":0,"cut":"' + b"x" * 70000 + b'"}'):
        done, _ = with_peer(reply, "cut")
        assert done.returncode == 1 and done.stdout == b"" and done.stderr, reply[:40]
    done, _ = with_peer(b'{"exit":1,"error":"\\u001b[31mred"}', "cut")
    assert b"\033" not in done.stderr, "what comes from outside does not steer the terminal"


GEO = {"state": "running", "pid": 7, "restarts": 2, "resident_bytes": 2 << 20, "generation": 3,
       "updated_ns": 1, "records_max": 100, "known": 41, "negative": 5, "pending": 1, "lookups": 99,
       "strings_bytes": 10, "strings_bytes_max": 20, "strings_full": 0, "file_bytes": 1 << 20,
       "databases": [
           {"path": "/a.mmdb", "type": "GeoLite2-City", "build_s": 1767225600, "loaded_ns": 1,
            "state": "in_use"},
           {"path": "/b\u001b[31m", "type": "", "build_s": 0, "loaded_ns": 0,
            "state": "not_usable"}]}


@test
def status_tells_what_the_geo_worker_knows():
    reply = {"exit": 0, "status": {"version": "1", "geo": GEO}}
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    text = text[text.index("geo:"):]
    assert [line.rstrip() for line in text.splitlines()] == [
        "geo: worker running, pid 7, restarts 2, 2.00 MiB; file 1.00 MiB",
        "generation 3: 41 addresses known, 5 not, 1 pending; 99 look-ups so far",
        "DATABASE  TYPE           BUILT (UTC)          STATE",
        "/a.mmdb   GeoLite2-City  2026-01-01 00:00:00  in use",
        "/b?[31m   -              -                    NOT USABLE"], text
    GEO["strings_full"] = 4
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert b"NAMES LEFT OUT: 4," in done.stdout
    done, _ = with_peer(json.dumps(reply).encode(), "status", "-j")
    assert json.loads(done.stdout)["status"]["geo"] == GEO
    reply["status"]["geo"] = None
    done, _ = with_peer(json.dumps(reply).encode(), "status")
    assert b"geo" not in done.stdout


COST = {"profile": "staging", "windows": 3, "interval_max_ns": 16 * 10**9,
        "program": {"measured": True, "error": None, "ns_per_packet": 59.5, "clock_ns": 30.1,
                    "sampled_packets": 1000, "sampled_ns": 59500},
        "cpu": {"cpus": 4, "budget_ppb": 20000000, "used_ppb": 21001020, "over_budget": True,
                "since_ns": 1767225600 * 10**9,
                "parts_ppb": {"supervisor": 1000, "collector": 6000000, "geo": 20,
                              "program": 15000000}},
        "memory": {"budget_bytes": 256 << 20, "used_bytes": 128 << 20, "over_budget": False,
                   "since_ns": 0, "parts_bytes": {"maps": 100 << 20, "geo": 1 << 20}}}


@test
def status_tells_what_it_costs():
    reply = {"exit": 0, "status": {"version": "1", "cost": COST}}

    def lines():
        done, _ = with_peer(json.dumps(reply).encode(), "status")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.decode().splitlines() if line.startswith("cost:")]

    assert lines() == [
        "cost: CPU 2.1001 % of 2.0000 % of 4 CPUs: program 1.5000 % (60 ns a packet), collector "
        "0.6000 %, supervisor 0.0001 %, geo worker 0.0000 %: OVER BUDGET since 2026-01-01 00:00:00 UTC",
        "cost: memory 128 MiB of 256 MiB"], lines()
    COST["program"].update(measured=False, error="Not\u001b[31m allowed")
    COST["memory"]["over_budget"] = True
    assert "program not measured: Not?[31m allowed, collector" in lines()[0], lines()
    assert lines()[1].startswith("cost: memory 128 MiB of 256 MiB: OVER BUDGET since"), lines()
    COST["windows"] = 0
    assert lines() == [], "nothing is known yet"
    reply["status"]["cost"] = None
    assert lines() == []


@test
def status_without_daemon_says_so_and_tells_what_the_ledger_tells():
    text = good(CTL, "status").decode()
    assert "ipacctd is not running" in text and "cut 2 at 2026-01-01 12:34:56 UTC" in text
    status = json.loads(good(CTL, "status", "-j"))
    assert (status["daemon"], status["status"], status["ledger"]["cut"]) == (False, None, 2)
    assert [i["state"] for i in status["interfaces"]] == ["attached", "detached"]
    for verb in ("reload", "cut", "confirm"):
        refused(1, CTL, verb, says="not running")


sys.exit(main("committed"))
