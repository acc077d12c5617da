# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTTP endpoint: its numbers, who may ask, and who cannot hold it up."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import scrape
from harness import Daemon, Place, run, scaled
from tap import SLOW, Skip, check, check_equal, test, wait_for
from traffic import Traffic, settle

QUICK_S = 0.25 * SLOW  # a good scrape answers within this, whatever others do


def needs(program):
    if not shutil.which(program):
        raise Skip(f"no {program} here")


@test(limit_s=60)
def every_number_is_the_dumps_and_promtool_agrees(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network, "--top-addresses", "10").start()
    traffic = Traffic(context, network, packets=scaled(20_000, 2000), addresses=300).start()
    traffic.finish()
    dump = settle(daemon, traffic)
    samples = scrape.scrape(network)
    scrape.check_interfaces(samples, dump)
    scrape.check_family(samples, "address", dump)
    check_equal(scrape.total(samples, "ipacct_conservation_error_packets"), 0, "error")
    # The histogram counts each frame once; its sum has four octets of FCS for each.
    seen = sum(one["seen_packets"] for one in dump["interfaces"])
    octets = sum(one["seen_l2_bytes"] for one in dump["interfaces"])
    check_equal(scrape.total(samples, "ipacct_interface_packet_size_bytes_count"), seen, "count")
    check_equal(scrape.total(samples, "ipacct_interface_packet_size_bytes_sum"),
                octets + 4 * seen, "sum")
    listed = {line["address"]: line for line in dump["addresses"]}
    members = [dict(pairs)["address"] for (name, pairs) in samples
               if name == "ipacct_address_packets_total" and dict(pairs)["direction"] == "tx"]
    check_equal(sum(name in listed for name in members), 10, f"addresses among {members}")
    if shutil.which("promtool"):
        _, _, body = scrape.get(network)
        done = subprocess.run(["promtool", "check", "metrics"], input=body, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check_equal((done.returncode, done.stdout), (0, b""), "promtool")


@test(limit_s=60, guest=False)
def answers_and_refusals(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    daemon.cut()
    for path, status in (("/", 200), ("/metrics", 200), ("/healthz", 200), ("/favicon.ico", 204),
                         ("/nothing", 404), ("/metrics/x", 404), ("/%00", 404)):
        check_equal(scrape.get(network, path)[0], status, path)
    status, fields, _ = scrape.get(network, method="POST")
    check_equal((status, fields["allow"]), (405, "get, head"), "POST")
    status, fields, body = scrape.get(network, method="HEAD")
    check_equal((status, body), (200, b""), "HEAD")
    check(int(fields["content-length"]) > 1000, "length of what HEAD does not send")
    status, fields, body = scrape.get(network, fields=["Accept-Encoding: gzip"])
    check("content-encoding" not in fields, "compressed for this very machine")
    # Another address of this machine is not loopback: there it is compressed.
    run("ip", "-n", network.receiver, "addr", "add", "192.0.2.1/32", "dev", "lo")
    daemon.stop()
    other = Daemon(context, network, "--listen", "192.0.2.1:9100", place=daemon.place).start()
    status, fields, body = scrape.get(network, fields=["Accept-Encoding: gzip"], port=9100,
                                      target="192.0.2.1", source="192.0.2.1")
    check_equal(fields["content-encoding"], "gzip", "encoding")
    import gzip  # pylint: disable=import-outside-toplevel  # not in the guests
    check(b"\nipacct_cuts_total " in gzip.decompress(body), "what was compressed")
    other.stop()


@test(limit_s=60, guest=False)
def json_is_the_dumps(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, packets=5000, addresses=100).start()
    traffic.finish()
    settle(daemon, traffic)
    daemon.stop()
    # No more cuts: so both see the same one.
    daemon = Daemon(context, network, place=daemon.place, interval="1h").start()

    def ask(path):
        status, fields, body = scrape.get(network, path)
        check_equal((status, fields["content-type"]), (200, "application/json"), path)
        return json.loads(body)

    dump = daemon.dump("--totals", "-n", "7", "--sort", "rx_packets")
    found = ask("/api/v1/interfaces")
    check_equal(found["interfaces"], dump["interfaces"], "interfaces")
    for key in ("schema", "live", "cut", "cut_time", "conservation"):
        check_equal(found[key], dump[key], key)
    found = ask("/api/v1/top?n=7&sort=rx_packets")
    for line in found["addresses"]:
        check_equal(line in daemon.dump()["addresses"], True, f"{line}")
    check_equal([line["rx_packets"] for line in found["addresses"]],
                [line["rx_packets"] for line in dump["addresses"]], "order")
    whole = daemon.dump()
    for name in ("tx_packets", "tx_l3_bytes", "rx_packets", "rx_l3_bytes"):
        check_equal(sum(line[name] for line in found["addresses"]) + found["left_out"][name],
                    sum(line[name] for line in whole["addresses"] + whole["rollups"]), name)
    found, status = ask("/api/v1/status"), daemon.status()
    check_equal(found["schema"], json.loads(daemon.ctl("status", "-j").stdout)["schema"], "schema")
    for key in ("version", "pid", "collector_pid", "interval_ns", "cut", "cuts"):
        check_equal(found["status"][key], status[key], key)
    check_equal(found["ledger"]["addresses"], len(whole["addresses"]), "addresses")


@test(limit_s=60, guest=False)
def costs_are_those_of_the_control_socket_between_cuts(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network, "--profile", "debug", interval="1h").start()

    def both():
        """Both answers of one window: one ends each second, perhaps between the two."""
        _, _, body = scrape.get(network, "/api/v1/status")
        answers = json.loads(body)["status"], daemon.status()
        return len({one["cost"]["windows"] for one in answers}) == 1 and answers

    for _ in range(2):
        ours, control = wait_for(both, "two answers in the same window", limit_s=20)
        for key in ("cost", "over_budget", "cut", "cuts"):
            check_equal(ours[key], control[key], key)
        seen = control["cost"]["windows"]
        wait_for(lambda: daemon.status()["cost"]["windows"] > seen, "another window", limit_s=20)
    check_equal(daemon.status()["cuts"], 1, "cuts")


@test(limit_s=60, guest=False)
def new_interval_is_told_at_once(context):
    network = scrape.with_loopback(context)
    place = Place(context)
    path = os.path.join(place.base, "ipacct.yaml")

    def interval(text):
        scrape.write_private(path, f"interval: {text}\ninterfaces: [{{name: rx0}}]\n")

    interval("1s")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    daemon.start()
    scrape.scrape(network)  # so that a text of this interval is there
    interval("1h")
    daemon.ctl("reload")
    cuts = daemon.status()["cuts"]
    status, _, body = scrape.get(network, "/healthz")
    check_equal((status, json.loads(body)["interval_ns"]), (200, 3_600_000_000_000), "/healthz")
    samples = scrape.scrape(network)
    for name in ("ipacct_cut_interval_seconds", "ipacct_cut_interval_wanted_seconds"):
        check_equal(samples[name, ()], 3600, name)
    check_equal(daemon.status()["cuts"], cuts, "cuts meanwhile")


@test(limit_s=60, guest=False)
def tls_and_passwords(context):
    needs("openssl")
    import ssl  # pylint: disable=import-outside-toplevel  # not in the guests
    network = scrape.with_loopback(context)
    place = Place(context)
    cert, key, users = (os.path.join(place.base, name) for name in ("cert", "key", "users"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=ipacct", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", key, "-out", cert)
    os.chmod(key, 0o600)
    scrape.write_private(users, "prometheus:" + run("openssl", "passwd", "-6", "secret").stdout)
    options = ["--listen-tls-cert", cert, "--listen-tls-key", key, "--listen-auth-file", users]
    daemon = Daemon(context, network, *options, place=place)
    Daemon(context, network, *options[:4], "--listen-auth-file", cert, place=place).refuse(
        code=1, words=[cert, "line 1"])
    Daemon(context, network, "--listen-tls-cert", cert, "--listen-tls-key", cert,
           place=place).refuse(code=1, words=["listen_tls_cert"])
    Daemon(context, network, "--listen-tls-cert", cert, place=place).refuse(
        code=1, words=["listen_tls_key"])
    daemon.start()
    good = ["Authorization: Basic cHJvbWV0aGV1czpzZWNyZXQ="]  # prometheus:secret
    wrong = ["Authorization: Basic cHJvbWV0aGV1czp3cm9uZw=="]

    def ask(path, fields=()):
        plain, = scrape.connect_many(network)
        tls = ssl.create_default_context(cafile=cert)
        with tls.wrap_socket(plain, server_hostname="127.0.0.1") as link:
            head = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *fields]
            link.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
            return scrape.read_answer(link)

    status, fields, body = ask("/metrics", good)
    check_equal(status, 200, "with the password")
    check(b"\nipacct_cuts_total " in body, "the text")
    status, fields, body = ask("/metrics")
    check_equal((status, fields["www-authenticate"]),
                (401, 'basic realm="ipacct", charset="utf-8"'), "without")
    check(b"ipacct_" not in body, "numbers for a stranger")
    check_equal(ask("/metrics", wrong)[0], 401, "wrong password")
    check_equal(ask("/metrics", wrong)[0], 429, "wrong password again")
    check_equal(ask("/metrics", good)[0], 200, "the right one meanwhile")
    check_equal(ask("/healthz")[0], 200, "health needs none")
    plain, = scrape.connect_many(network)
    with plain:
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        check(b"HTTP/1.1 200" not in plain.recv(4096), "clear text on a TLS port")
    # The collector serves with a key that it could not read itself.
    check_equal(os.stat(key).st_uid, 0, "owner of the key")


def quick_scrape(network, what, **where):
    started = time.monotonic()
    status = scrape.get(network, **where)[0]
    took = time.monotonic() - started
    check_equal(status, 200, f"a good scrape beside {what}")
    check(took < QUICK_S, f"a good scrape beside {what} took {took * 1000:.0f} ms")
    return took


@test(limit_s=90)
def nobody_can_keep_a_good_scrape_out(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    worst = 0
    held = []
    try:
        for i in range(scaled(500, 100)):
            link, = scrape.connect_many(network, source=f"127.0.0.{1 + i % 20}")
            link.sendall(b"GET /metrics HTTP/1.1\r\nHo")
            held.append(link)
        for i in range(10):
            worst = max(worst, quick_scrape(network, "500 half requests"))
            worst = max(worst, quick_scrape(network, "500 half requests", source="127.0.0.9"))
    finally:
        for link in held:
            link.close()
    # Who drips a byte a second is gone at the deadline, however diligently.
    link, = scrape.connect_many(network)
    with link:
        link.settimeout(0.5)
        started, ended = time.monotonic(), None
        while time.monotonic() - started < 12 * SLOW and ended is None:
            try:
                link.sendall(b"G")
                if link.recv(1) == b"":
                    ended = time.monotonic()
            except socket.timeout:
                pass
            except OSError:
                ended = time.monotonic()
            worst = max(worst, quick_scrape(network, "a drip"))
        check(ended is not None, "the drip was never ended")
        check(4 < ended - started < 5 + 2 * SLOW, f"ended after {ended - started:.1f} s")
    randomly = random.Random(1)
    for i in range(scaled(300, 50)):
        link, = scrape.connect_many(network)
        with link:
            try:
                link.sendall(garbage(randomly, i))
            except OSError:
                pass  # refused in the middle
            worst = max(worst, quick_scrape(network, "garbage") if i % 20 == 0 else 0)
    daemon.cut()
    context.note(f"slowest good scrape {worst * 1000:.0f} ms")


def nice_of_threads(pid):
    """Name of a thread → its nice value: the 19th field of proc(5), the name being the second."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as text:
            name, fields = text.read().partition("(")[2].rsplit(")", 1)
            found[name] = int(fields.split()[16])
    return found


@test(limit_s=60, guest=False)
def who_scrapes_waits_for_a_cut_and_never_the_other_way_round(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    scrape.scrape(network)
    nice = nice_of_threads(daemon.pid_of_collector())
    scraping = nice.pop("ipacct-http")
    cutting, = nice.values()
    check_equal(scraping, min(19, cutting + 10), "nice of the HTTP thread")


def garbage(randomly, number):
    """Requests that are none: octets, huge headers, huge numbers, NULs, pipelines."""
    shapes = (
        lambda: randomly.randbytes(2000),
        lambda: b"GET /metrics HTTP/1.1\r\n" + b"X: " + b"a" * 100_000,
        lambda: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        lambda: b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n" +
        b"x" * 50_000,
        lambda: b"\0" * 5000,
        lambda: b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
        lambda: b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        lambda: b"GET\t/metrics\x00HTTP/9.9\n\n\n",
        lambda: b"".join(b"A%d: b\r\n" % i for i in range(3000)),
    )
    return shapes[number % len(shapes)]()


@test(limit_s=90)
def a_hundred_scrapers_do_not_hold_up_cuts(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    traffic = Traffic(context, network, addresses=scaled(20_000, 1000),
                      rate=30_000).start()
    stop = threading.Event()
    done = []

    def keep_asking(link):
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        count = 0
        try:
            while not stop.is_set():
                link.sendall(request)
                data = link.recv(1 << 16)
                while data and b"process_start_time_seconds " not in data:
                    data = link.recv(1 << 16)
                if not data:
                    break
                count += 1
        except OSError:
            pass  # ended in favour of a newer connection
        done.append(count)

    links = [scrape.connect_many(network, source=f"127.0.1.{1 + i % 100}")[0] for i in range(100)]
    threads = [threading.Thread(target=keep_asking, args=(link,)) for link in links]
    before = scrape.total(scrape.scrape(network), "ipacct_cuts_total")
    for thread in threads:
        thread.start()
    wait_for(lambda: scrape.total(scrape.scrape(network), "ipacct_cuts_total") >= before + 20,
             "20 cuts of 100 ms beside 100 scrapers", limit_s=20)
    stop.set()
    for link in links:
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # ended already
    for thread in threads:
        thread.join()
    for link in links:
        link.close()
    check(sum(done) > 100, f"only {sum(done)} scrapes")
    waits = scrape.total(scrape.scrape(network), "ipacct_http_waits_total")
    check(waits > 0, "no answer ever waited for a cut")
    traffic.finish()
    settle(daemon, traffic)
    context.note(f"{sum(done)} scrapes beside 20 cuts, {waits} waits")


def counters(samples):
    """What must never fall: everything that the ledger keeps."""
    return {key: value for key, value in samples.items()
            if key[0].startswith(("ipacct_interface_", "ipacct_address_", "ipacct_cuts",
                                  "ipacct_rollup", "ipacct_lru_refused", "ipacct_unrecorded"))
            and not key[0].endswith("_attached")}


@test(limit_s=120)
def counters_never_fall_over_kills(context):
    network = scrape.with_loopback(context)
    # More places than addresses: nobody leaves, so that each series must be there for ever.
    daemon = Daemon(context, network, "--top-addresses", "200").start()
    traffic = Traffic(context, network, addresses=100, rate=20_000).start()
    last = {}
    for i in range(scaled(20, 4)):
        if i % 2:
            daemon.kill()
            daemon.start()
        else:
            os.kill(daemon.pid_of_collector(), signal.SIGKILL)
        for _ in range(5):
            now = counters(scrape.scrape(network))
            for key, value in last.items():
                check(now.get(key, -1) >= value, f"{key}: {value}, then {now.get(key)}")
            last = now
            daemon.status()
    traffic.finish()
    dump = settle(daemon, traffic)
    scrape.check_family(scrape.scrape(network), "address", dump)
    check_equal(len([key for key in last if key[0] == "ipacct_address_packets_total"
                     and ("direction", "tx") in key[1]]) > 100, True, "series of all addresses")
