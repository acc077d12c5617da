# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Prometheus scrapes it in both formats, and its sums are the dump's to the unit."""

import json
import os
import shutil
import subprocess
import sys
import urllib.parse

import scrape
from harness import Daemon, Network, end_process
from tap import Failure, Skip, check_equal, test, wait_for
from traffic import Traffic, settle

PROMETHEUS = 9490  # ports of the namespace, which is ours
PLAIN = 9491

CONFIG = """
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
  - job_name: openmetrics
    static_configs: [{targets: ['127.0.0.1:9477']}]
  - job_name: text
    static_configs: [{targets: ['127.0.0.1:%d']}]
""" % PLAIN

# This Prometheus always prefers OpenMetrics; so the other format goes through something that passes
# the request on without its Accept field.
FORWARDER = """
import http.server, urllib.request
class Forward(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with urllib.request.urlopen('http://127.0.0.1:9477' + self.path) as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header('Content-Type', answer.headers['Content-Type'])
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', %d), Forward).serve_forever()
""" % PLAIN


def start(context, network, *command, log=subprocess.DEVNULL):
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        network.command_inside(network.receiver, *command), stdin=subprocess.DEVNULL, stdout=log,
        stderr=log, start_new_session=True)
    context.callback(end_process, process)
    return process


class Prometheus:
    """A server of a test's own, never the service of the package."""

    def __init__(self, context, network):
        if not shutil.which("prometheus"):
            raise Skip("no prometheus here")
        self.network = network
        folder = os.path.join(context.folder, "prometheus")
        os.mkdir(folder)
        config = os.path.join(folder, "config.yml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG)
        start(context, network, sys.executable, "-c", FORWARDER)
        self.log = open(os.path.join(folder, "log"), "w+b")  # pylint: disable=consider-using-with
        context.callback(self.log.close)
        start(context, network, "prometheus", f"--config.file={config}",
              f"--storage.tsdb.path={folder}/data", "--log.level=debug",
              f"--web.listen-address=127.0.0.1:{PROMETHEUS}", log=self.log)
        wait_for(self.ready, "prometheus", limit_s=30)

    def ready(self):
        try:
            return scrape.get(self.network, "/-/ready", port=PROMETHEUS)[0] == 200
        except (OSError, Failure):
            return False

    def ask(self, path, **words):
        status, _, body = scrape.get(self.network, path + "?" + urllib.parse.urlencode(words),
                                     port=PROMETHEUS)
        check_equal(status, 200, f"{path} {words}: {body[:300]}")
        return json.loads(_unchunked(body))["data"]

    def query(self, text):
        """Result of an instant query as {labels: value}; labels as a sorted tuple."""
        return {tuple(sorted(one["metric"].items())): float(one["value"][1])
                for one in self.ask("/api/v1/query", query=text)["result"]}

    def both(self, text):
        """The value of a query that gives one number for each format."""
        found = self.query(f"sum by (job) ({text})")
        return {dict(labels)["job"]: int(value) for labels, value in found.items()}


def _unchunked(body):
    """RFC 9112 7.1, when the answer came so: JSON begins with a brace and chunks do not."""
    if body.startswith(b"{"):
        return body
    joined = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        joined, body = joined + rest[:int(size, 16)], rest[int(size, 16) + 2:]
    return joined


def equal(value):
    return {"openmetrics": value, "text": value}


@test(limit_s=120, guest=False)
def prometheus_sums_are_the_dumps_in_both_formats(context):
    network = Network(context)
    scrape.loopback_up(network)
    daemon = Daemon(context, network, "--top-addresses", "20").start()
    traffic = Traffic(context, network, packets=20_000, addresses=200).start()
    prometheus = Prometheus(context, network)
    traffic.finish()
    dump = settle(daemon, traffic)
    cut = dump["cut"]
    wait_for(lambda: min(prometheus.both("ipacct_cuts_total").values() or [0]) > cut and
             len(prometheus.both("ipacct_cuts_total")) == 2,
             "a scrape of each format after the last packet", limit_s=20)
    check_equal(prometheus.both("up"), equal(1), "up")
    for one in ("seen_packets", "seen_l2_bytes", "accounted_packets"):
        check_equal(prometheus.both(f"ipacct_interface_{one}_total"),
                    equal(sum(line[one] for line in dump["interfaces"])), one)
    lines = dump["addresses"] + dump["rollups"]
    for direction in ("tx", "rx"):
        for unit in ("packets", "l3_bytes"):
            check_equal(
                prometheus.both(f'ipacct_address_{unit}_total{{direction="{direction}"}}'),
                equal(sum(line[f"{direction}_{unit}"] for line in lines)), f"{direction} {unit}")
    ignored = {}
    for line in dump["interfaces"]:
        for reason, packets in line["ignored"].items():
            ignored[reason] = ignored.get(reason, 0) + packets
    for reason, packets in ignored.items():
        check_equal(
            prometheus.both(f'ipacct_interface_ignored_packets_total{{reason="{reason}"}}'),
            equal(packets), reason)
    # A histogram that Prometheus takes for one: every frame is below infinity, half of them here.
    check_equal(prometheus.both('ipacct_interface_packet_size_bytes_bucket{le="+Inf"}'),
                equal(sum(line["seen_packets"] for line in dump["interfaces"])), "le=+Inf")
    check_equal(len(prometheus.query(
        "histogram_quantile(0.5, ipacct_interface_packet_size_bytes_bucket)")), 2, "quantiles")
    metadata = prometheus.ask("/api/v1/metadata")
    check_equal({one["type"] for one in metadata["ipacct_build"]}, {"info"}, "type in OpenMetrics")
    check_equal({one["unit"] for one in metadata["ipacct_interface_seen_l2_bytes"]}, {"bytes"},
                "unit in OpenMetrics")
    check_equal({one["type"] for one in metadata["ipacct_interface_seen_packets_total"]},
                {"counter"}, "type in text")
    prometheus.log.seek(0)
    complaints = [line for line in prometheus.log.read().decode().splitlines()
                  if "duplicate" in line.lower() or "append failed" in line.lower()]
    check_equal(complaints, [], "what Prometheus says of the samples")
    n_series = len(prometheus.query('{job=~"openmetrics|text"}'))
    context.note(f"{n_series} series in both formats together")
