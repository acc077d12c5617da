# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Prometheus scrapes it in both formats, and its sums are the dump's to the unit."""

import sys

import scrape
from harness import Daemon, Network
from prometheus import Prometheus, start
from tap import check_equal, test, wait_for
from traffic import Traffic, settle

PLAIN = 9491  # of the namespace, which is ours

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


def equal(value):
    return {"openmetrics": value, "text": value}


@test(limit_s=120, guest=False)
def prometheus_sums_are_the_dumps_in_both_formats(context):
    network = Network(context)
    scrape.loopback_up(network)
    daemon = Daemon(context, network, "--top-addresses", "20").start()
    traffic = Traffic(context, network, packets=20_000, addresses=200).start()
    start(context, network, sys.executable, "-c", FORWARDER)
    prometheus = Prometheus(context, network, CONFIG)
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
