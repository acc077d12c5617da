#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Write ipacct.json, the Grafana board: deploy/grafana/board.py > deploy/grafana/ipacct.json

A panel is a line or two in one of the rows below; place and number come by themselves."""

import json

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ROUTER = 'instance=~"$instance"'
DEVICE = ROUTER + ', device=~"$device", hook=~"$hook"'
WINDOW = "[$__rate_interval]"
WIDTH = 24  # columns of a board
GREEN, YELLOW, RED = "green", "yellow", "red"


def rate(metric, labels=ROUTER):
    return f"rate({metric}{{{labels}}}{WINDOW})"


def total(metric, by, labels=ROUTER):
    return f"sum by ({by}) ({rate(metric, labels)})"


def query(expr, legend, instant=False):
    return {"expr": expr, "legendFormat": legend, "range": not instant, "instant": instant}


def steps(*limits):
    """Colours from a value on: steps((None, GREEN), (1, RED))"""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour}
                                          for value, colour in limits]}


def panel(kind, title, unit, queries, width, height, description, options, **defaults):
    targets = [dict(one, refId=chr(ord("A") + i), datasource=SOURCE)
               for i, one in enumerate(queries)]
    return {"type": kind, "title": title, "description": description, "datasource": SOURCE,
            "gridPos": {"w": width, "h": height, "x": 0, "y": 0}, "targets": targets,
            "options": options,
            "fieldConfig": {"defaults": {"unit": unit, **defaults}, "overrides": []}}


def stat(title, unit, expr, limits=None, description="", width=4, legend=""):
    return panel("stat", title, unit, [query(expr, legend)], width, 4, description,
                 {"colorMode": "value", "graphMode": "area" if limits is None else "none",
                  "justifyMode": "auto", "textMode": "auto", "orientation": "auto", "wideLayout": True,
                  "showPercentChange": False, "percentChangeColorMode": "standard",
                  "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}},
                 thresholds=limits or steps((None, GREEN)))


def lines(title, unit, queries, stacked=False, description="", width=12, **defaults):
    custom = {"fillOpacity": 20 if stacked else 5, "lineWidth": 1, "showPoints": "never",
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
    return panel("timeseries", title, unit, queries, width, 8, description,
                 {"legend": {"showLegend": True, "displayMode": "table", "placement": "right",
                             "calcs": ["lastNotNull", "max"]},
                  "tooltip": {"mode": "multi", "sort": "desc"}}, custom=custom, **defaults)


def bars(title, unit, expr, legend, description="", width=8):
    return panel("bargauge", title, unit, [query(expr, legend, instant=True)], width, 8, description,
                 {"displayMode": "basic", "orientation": "horizontal", "valueMode": "text",
                  "namePlacement": "left", "showUnfilled": False, "sizing": "auto",
                  "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                  "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom",
                             "calcs": []},
                  "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}},
                 thresholds=steps((None, GREEN)), min=0)


# ---- Rows ----------------------------------------------------------------------------------------

def share(part, whole):
    return f"sum({part}) / sum({whole})"


def mean(metric):
    return (f"sum by (instance) ({rate(metric + '_sum')})"
            f" / sum by (instance) ({rate(metric + '_count')})")


def quantile(part, metric, labels=ROUTER):
    return f"histogram_quantile({part}, {total(metric + '_bucket', 'le', labels)})"


def overview():
    bits = "8 * " + total("ipacct_interface_seen_l2_bytes_total", "device, hook", DEVICE)
    packets = total("ipacct_interface_seen_packets_total", "device, hook", DEVICE)
    return [
        stat("Conservation error", "none",
             f"max(ipacct_conservation_error_packets{{{ROUTER}}})", steps((None, GREEN), (1, RED)),
             "Packets by which sums were ever apart. Anything but 0 is a bug."),
        stat("Devices not counted", "none",
             f"count(ipacct_interface_attached{{{DEVICE}}} == 0) or vector(0)",
             steps((None, GREEN), (1, RED))),
        stat("Last cut", "s", f"time() - min(ipacct_last_cut_timestamp_seconds{{{ROUTER}}})",
             steps((None, GREEN), (60, YELLOW), (300, RED)), "Age of the numbers."),
        stat("Layer 2", "bps",
             f"8 * sum({rate('ipacct_interface_seen_l2_bytes_total', DEVICE)})",
             description="Frames without FCS, all chosen devices."),
        stat("Packets", "pps", f"sum({rate('ipacct_interface_seen_packets_total', DEVICE)})"),
        stat("Addresses", "short", f"sum(ipacct_cut_addresses{{{ROUTER}}})",
             description="That sent or received between the last two cuts."),
        lines("Layer 2 by device", "bps", [query(bits, "{{device}} {{hook}}")], stacked=True),
        lines("Packets by device", "pps", [query(packets, "{{device}} {{hook}}")], stacked=True),
        lines("IP by family", "bps", [query(
            "8 * " + total("ipacct_interface_family_l3_bytes_total", "family", DEVICE),
            "{{family}}")], stacked=True, description="IP header and payload.", width=8),
        lines("IP by protocol", "bps", [query(
            "8 * " + total("ipacct_interface_protocol_l3_bytes_total", "protocol", DEVICE),
            "{{protocol}}")], stacked=True, width=8),
        lines("Seen and not accounted, by reason", "pps", [query(
            total("ipacct_interface_ignored_packets_total", "reason", DEVICE) + " > 0 or "
            + total("ipacct_interface_ignored_packets_total", "reason", DEVICE + ', reason="arp"'),
            "{{reason}}")], description="ARP, other protocols, broken packets.", width=8),
        bars("How devices are counted", "none",
             f"ipacct_attach_info{{{DEVICE}}} * on (instance, job, device, hook) group_left ()"
             f" ipacct_interface_attached{{{DEVICE}}}",
             "{{instance}} {{device}} {{hook}}: {{mode}}, {{attach}}",
             "1: attached, 0: not. Generic mode sees packets after GRO: too few of them.", 12),
        bars("Versions", "none", f"ipacct_build_info{{{ROUTER}}}",
             "{{instance}}: {{version}}, ABI {{abi}}", width=12),
    ]


def top(kind, title, legend, name=None):
    """Bits sent and received by the busiest, and who they are now. name: a label of the metric
    KIND_info that is worth to be shown; those that have none are shown without it."""
    def busiest(direction):
        labels = ROUTER + (f', direction="{direction}"' if direction else "")
        bits = f"8 * {total(f'ipacct_{kind}_l3_bytes_total', kind, labels)}"
        if name:
            # One name for each, should two routers call it differently.
            names = f"topk by ({kind}) (1, max by ({kind}, {name}) (ipacct_{kind}_info{{{ROUTER}}}))"
            bits = f"({bits}) * on ({kind}) group_left ({name}) {names} or on ({kind}) ({bits})"
        return f"topk(10, {bits})"
    return [
        lines(f"{title}: sent", "bps", [query(busiest("tx"), legend)], stacked=True, width=8,
              description="Traffic whose source is one of its addresses."),
        lines(f"{title}: received", "bps", [query(busiest("rx"), legend)], stacked=True, width=8,
              description="Traffic whose destination is one of its addresses."),
        bars(f"{title}: now, both directions", "bps", busiest(None), legend),
    ]


def flood():
    updates = rate("ipacct_rollup_updates_total")
    accounted = rate("ipacct_interface_accounted_packets_total")
    sizes = "ipacct_interface_packet_size_bytes"
    small = rate(sizes + "_bucket", DEVICE + r', le=~"64(\\.0)?"')
    return [
        stat("Counted by prefix only", "percentunit", f"sum({updates}) / (2 * sum({accounted}))",
             steps((None, GREEN), (0.01, YELLOW), (0.05, RED)),
             "Share of updates for which no address record was to be had. Sums stay exact.", 6),
        stat("Frames of 64 octets or less", "percentunit",
             share(small, rate(sizes + "_count", DEVICE)), width=6,
             limits=steps((None, GREEN), (0.5, YELLOW), (0.9, RED)),
             description="Floods are made of small packets."),
        stat("Ledger", "percentunit",
             f'max(ipacct_ledger_records{{{ROUTER}, kind="address"}}'
             f' / ipacct_ledger_records_max{{{ROUTER}, kind="address"}})',
             steps((None, GREEN), (0.9, YELLOW)), "Address records in use.", 6),
        stat("Without room in the ledger", "short",
             f"sum({rate('ipacct_unrecorded_keys_total')})",
             steps((None, GREEN), (0.001, YELLOW)), "Addresses a second that were rolled up.", 6),
        lines("Addresses in each cut", "short",
              [query(f"ipacct_cut_addresses{{{ROUTER}}}", "{{instance}}")]),
        lines("Packets counted by prefix only", "pps", [
            query(f"sum by (instance) ({updates})", "{{instance}}: rolled up (updates)"),
            query(total("ipacct_lru_refused_inserts_total", "instance"),
                  "{{instance}}: refused by the LRU tier")]),
        lines("Hot tier: displaced in each cut", "short", [
            query(f"ipacct_hot_rolled_lines{{{ROUTER}}}", "{{instance}}: to a prefix"),
            query(f"ipacct_hot_displaced_lines{{{ROUTER}}}", "{{instance}}: to the LRU tier")]),
        lines("LRU tier: inserts in each cut", "short", [
            query(f"ipacct_lru_inserts{{{ROUTER}}}", "{{instance}}: asked for"),
            query(f"ipacct_lru_insert_budget{{{ROUTER}}}", "{{instance}}: room for")]),
        lines("Frame sizes", "bytes", [query(quantile(part, sizes, DEVICE), label) for part, label
                                       in ((0.1, "10 %"), (0.5, "median"), (0.9, "90 %"))],
              description="Octets with FCS; between the bounds of RFC 2819 they are guessed."),
        lines("Fragments", "pps", [query(
            total("ipacct_interface_fragment_packets_total", "fragment", DEVICE), "{{fragment}}")]),
    ]


def cost():
    cut = "ipacct_cut_duration_seconds"
    misses = total("ipacct_geo_joins_total", "instance", ROUTER + ', result="miss"')
    return [
        lines("Collector: CPU", "percentunit", [
            query(f"{rate('process_cpu_seconds_total')}"
                  f" and on (instance, job) ipacct_build_info{{{ROUTER}}}", "{{instance}}")],
              description="Of one CPU; cuts, publishing and HTTP together.", width=8),
        lines("Collector: memory", "bytes", [
            query(f"process_resident_memory_bytes{{{ROUTER}}}"
                  f" and on (instance, job) ipacct_build_info{{{ROUTER}}}", "{{instance}}")], width=8),
        lines("Time between cuts", "s", [
            query(f"ipacct_cut_interval_seconds{{{ROUTER}}}", "{{instance}}"),
            query(f"ipacct_cut_interval_wanted_seconds{{{ROUTER}}}", "{{instance}}: wanted")],
              description="Stretched while cuts take more than the CPU budget leaves them.", width=8),
        lines("Budgets", "percentunit", [
            query(f"ipacct_budget_used_ratio{{{ROUTER}}}", "{{instance}}: {{resource}}"),
            query(f"ipacct_over_budget{{{ROUTER}}}", "{{instance}}: {{resource}}, over")],
              description="What is taken of each; over: 1 until it was below 90 % for two windows.",
              width=8),
        lines("CPU by part", "percentunit", [
            query(f"ipacct_cpu_ratio{{{ROUTER}}}", "{{instance}}: {{part}}"),
            query(f"ipacct_cpu_budget_ratio{{{ROUTER}}}", "{{instance}}: budget")],
              description="Of all CPUs. The program's part is sampled; nothing without CAP_SYS_ADMIN.",
              width=8),
        lines("Program: a packet", "s", [
            query(f"ipacct_program_packet_seconds{{{ROUTER}}}", "{{instance}}")], width=8),
        lines("Cuts", "s", [query(quantile(0.5, cut), "median"), query(quantile(0.99, cut), "99 %"),
                            query(mean("ipacct_cut_read_duration_seconds"), "{{instance}}: reading"),
                            query(mean("ipacct_cut_publish_duration_seconds"),
                                  "{{instance}}: publishing")]),
        lines("Cuts that could not be published", "short",
              [query(f"increase(ipacct_cut_errors_total{{{ROUTER}}}{WINDOW})", "{{instance}}")]),
        lines("HTTP", "reqps", [
            query(total("ipacct_http_responses_total", "result"), "{{result}}"),
            query(total("ipacct_http_connections_ended_total", "cause"), "ended: {{cause}}")]),
        lines("HTTP: writing an answer", "s",
              [query(quantile(0.99, "ipacct_http_render_duration_seconds"), "99 %"),
               query(mean("ipacct_http_render_duration_seconds"), "{{instance}}: mean")]),
        lines("Geo: records", "short", [
            query(f"sum by (state) (ipacct_geo_records{{{ROUTER}}})", "{{state}}")], width=8),
        lines("Geo: addresses without a record at a cut", "percentunit", [query(
            f"{misses} / {total('ipacct_geo_joins_total', 'instance')}", "{{instance}}")], width=8),
        lines("Geo: worker heard of", "s", [
            query(f"time() - ipacct_geo_updated_timestamp_seconds{{{ROUTER}}}", "{{instance}}")],
              description="Seconds since it last went through the addresses.", width=8),
        lines("Series that came and went", "short", [
            query(total("ipacct_series_joined_total", "kind"), "{{kind}}: joined"),
            query(total("ipacct_series_left_total", "kind"), "{{kind}}: left")],
              description="A second. Many mean that top_… is too small for this traffic."),
        lines("Series", "short", [query(f"sum by (kind) (ipacct_series{{{ROUTER}}})", "{{kind}}")]),
    ]


ROWS = (
    ("Overview", overview()),
    ("Top networks, countries, groups, addresses",
     top("asn", "AS", "{{asn}} {{as_org}}", "as_org") + top("country", "Country", "{{country}}")
     + top("group", "Group", "{{group}}") + top("address", "Address (where kept)", "{{address}}")),
    ("Flood", flood()),
    ("Self cost", cost()),
)


# ---- The board -----------------------------------------------------------------------------------

def placed(rows):
    """Left to right, top to bottom; a title above each row."""
    panels, y = [], 0
    for title, members in rows:
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}})
        x, y, height = 0, y + 1, 0
        for one in members:
            grid = one["gridPos"]
            if x + grid["w"] > WIDTH:
                x, y, height = 0, y + height, 0
            grid.update(x=x, y=y)
            x, height = x + grid["w"], max(height, grid["h"])
            panels.append(one)
        y += height
    return [{"id": i, **one} for i, one in enumerate(panels, 1)]


def variable(name, label, metric):
    text = f"label_values({metric}, {name})"
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE, "multi": True,
            "includeAll": True, "allValue": ".*", "refresh": 2, "sort": 7,
            "query": {"query": text, "refId": "StandardVariableQuery"},
            "current": {"text": "All", "value": "$__all", "selected": True}}


BOARD = {
    "title": "ipacct", "uid": "ipacct", "tags": ["ipacct", "network"], "editable": True,
    "description": "Packets and octets by address, AS, country and group: ipacctd",
    "schemaVersion": 39, "graphTooltip": 1, "timezone": "", "refresh": "30s",
    "time": {"from": "now-6h", "to": "now"},
    "templating": {"list": [
        {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus",
         "refresh": 1},
        variable("instance", "Router", "ipacct_build_info"),
        variable("device", "Device", f"ipacct_interface_seen_packets_total{{{ROUTER}}}"),
        variable("hook", "Hook", f"ipacct_interface_seen_packets_total{{{ROUTER}}}"),
    ]},
    "panels": placed(ROWS),
}

if __name__ == "__main__":
    print(json.dumps(BOARD, indent=1))
