# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts and board of deploy/: right by themselves, and about what a real scrape has."""

import json
import math
import os
import re
import shutil
import subprocess
import sys

import scrape
from geo import send, with_database
from harness import Daemon, Network, run
from prometheus import Prometheus
from tap import Failure, Skip, check, check_equal, test, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.normpath(os.path.join(HERE, "../../deploy"))
RULES = os.path.join(DEPLOY, "prometheus/ipacct-alerts.yml")
BOARD = os.path.join(DEPLOY, "grafana/ipacct.json")
MAKE_BOARD = os.path.join(DEPLOY, "grafana/board.py")

NETWORKS = [["8.8.8.0/24", {"country": {"iso_code": "US"}, "autonomous_system_number": 64501,
                            "autonomous_system_organization": "Example One"}],
            ["9.0.0.0/8", {"country": {"iso_code": "DE"}, "autonomous_system_number": 64502}]]
ADDRESSES = ["8.8.8.8", "9.1.2.3", "11.1.1.1", "192.168.1.1", "2400::1", "2600::1"]

_NAME = re.compile(r"\b(?:ipacct_\w+|process_\w+|up)\b")
_SELECTOR = re.compile(r"\b(ipacct_\w+|process_\w+|up)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_OF_PROMETHEUS = {"job", "instance"}


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def labels_by_name(samples):
    found = {"up": set(_OF_PROMETHEUS)}
    for name, labels in samples:
        found.setdefault(name, set(_OF_PROMETHEUS)).update(label for label, _ in labels)
    return found


def check_names(text, known, where):
    """Every metric of the text is in the scrape, with the labels that are asked for."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    names = set(_NAME.findall(bare))
    check(names, f"{where}: no metric in {text}")
    for name in names:
        check(name in known, f"{where}: no scrape has {name}")
    for name, matchers in _SELECTOR.findall(text):
        for label in _MATCHER.findall(matchers):
            check(label in known[name], f"{where}: {name} has no label {label}")
    everywhere = set().union(*(known[name] for name in names))
    for group in _GROUPING.findall(bare):
        for label in filter(None, map(str.strip, group.split(","))):
            check(label in everywhere, f"{where}: nothing in it has a label {label}")


def panels():
    return [one for one in json.loads(read(BOARD))["panels"] if one["type"] != "row"]


def variables():
    """Name → the metric of label_values(), of those variables of the board that choose."""
    found = {}
    for one in json.loads(read(BOARD))["templating"]["list"]:
        if one["type"] == "query":
            metric, name = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                        one["query"]["query"]).groups()
            check_equal(name, one["name"], "label of a variable")
            found[name] = metric
    return found


def queries(chosen=None):
    """(title, expression, legend) of the whole board, its variables put in: what was chosen, or all."""
    chosen = chosen or {name: ".*" for name in variables()}
    for one in panels():
        for target in one["targets"]:
            text = target["expr"].replace("$__rate_interval", "5s")
            for name, value in chosen.items():
                text = text.replace("$" + name, value)
            check("$" not in text, f"a variable that is not known: {text}")
            yield one["title"], text, target["legendFormat"]


def rule_texts():
    """The expressions of the alerts, as promtool's parser would join their lines: from the first
    word after `expr:` to the next key."""
    found = re.findall(r"^ +expr:(.*?)^ +(?:for|labels):", read(RULES), re.S | re.M)
    check_equal(len(found), read(RULES).count("- alert:"), "expressions of alerts")
    return [" ".join(line for line in one.replace(">-", "").split()) for one in found]


@test(limit_s=30, guest=False)
def promtool_takes_configuration_rules_and_their_tests(_context):
    if not shutil.which("promtool"):
        raise Skip("no promtool here")
    folder = os.path.join(DEPLOY, "prometheus")
    run("promtool", "check", "config", os.path.join(folder, "prometheus.yml"))
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", "alerts_test.yml", cwd=folder)
    alerts = set(re.findall(r"- alert: (\w+)", read(RULES)))
    tests = read(os.path.join(folder, "alerts_test.yml"))
    blocks = dict(re.findall(r"- name: (\w+)(.*?)(?=\n  - name:|\Z)", tests, re.S))
    check_equal(set(blocks), alerts, "alerts that have a test")
    for name, block in blocks.items():
        check("exp_labels" in block, f"{name} never fires in its test")
        fired = block.count("- exp_labels")
        check(block.count("- {series:") > fired, f"{name}: no series that does not fire")
    readme = read(os.path.join(folder, "README.md"))
    for name in alerts:
        check(f"| {name} |" in readme, f"{name} is not explained")


@test(limit_s=10, guest=False)
def board_is_what_its_script_writes(_context):
    check_equal(run(sys.executable, "-B", MAKE_BOARD).stdout, read(BOARD), "ipacct.json")
    board = json.loads(read(BOARD))
    ids = [one["id"] for one in board["panels"]]
    check_equal(len(ids), len(set(ids)), "numbers of panels")
    taken = set()
    for one in board["panels"]:
        at = one["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        check(not cells & taken, f"{one['title']} lies on another")
        check(at["x"] + at["w"] <= 24, f"{one['title']} is outside")
        taken |= cells
    for one in panels():
        bits = one["fieldConfig"]["defaults"]["unit"] == "bps"
        for target in one["targets"]:
            check_equal("_bytes_total" in target["expr"] and "8 * " in target["expr"], bits,
                        f"{one['title']}: octets a second shown as bits")


def counting(context, network):
    place, path = with_database(context, NETWORKS)
    overrides = os.path.join(place.base, "overrides")
    with open(overrides, "w", encoding="ascii") as out:
        out.write("192.168.1.0/24 name=office\n")
    return Daemon(context, network, "--geo-database", path, "--geo-overrides", overrides,
                  "--top-addresses", "10", place=place).start()


def config():
    """That of deploy/, with a test's patience."""
    text = read(os.path.join(DEPLOY, "prometheus/prometheus.yml"))
    for old, new in (("scrape_interval: 15s", "scrape_interval: 500ms"),
                     ("scrape_timeout: 5s", "scrape_timeout: 500ms\n  evaluation_interval: 500ms")):
        check(old in text, old)
        text = text.replace(old, new)
    return text


def result_of(prometheus, text):
    """What the board would draw: {labels: number}, NaN left out."""
    return {labels: value for labels, value in prometheus.query(text).items()
            if not math.isnan(value)}


@test(limit_s=120, guest=False)
def every_alert_and_panel_is_about_a_real_scrape(context):
    network = Network(context)
    scrape.loopback_up(network)
    daemon = counting(context, network)
    prometheus = Prometheus(context, network, config(),
                            [("ipacct-alerts.yml", read(RULES))])
    sent, left = [0], list(queries())

    def all_drawn():
        """Traffic goes on until each panel has something to show."""
        sent[0] += send(network, ADDRESSES)
        left[:] = [one for one in left if not result_of(prometheus, one[1])]
        return not left
    try:
        wait_for(all_drawn, "data in every panel", limit_s=40)
    except Failure as late:
        raise Failure(f"{late}: nothing in {[one[:2] for one in left]}") from late
    known = labels_by_name(scrape.scrape(network))
    for title, text, legend in queries():
        check_names(text, known, title)
        shown = set().union(*(dict(labels) for labels in prometheus.query(text)))
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            check(label in shown, f"{title}: its legend names {label}, the result has {shown}")
    for text in rule_texts():
        check_names(text, known, "alerts")
    one_of_each_can_be_chosen(prometheus)
    alerts_compare_what_is_there(prometheus)
    tests = read(os.path.join(DEPLOY, "prometheus/alerts_test.yml"))
    for series in re.findall(r"series: '([^']*)'", tests):
        check_names(series, known, "alerts_test.yml")
    rules_are_well(prometheus)
    sums_are_the_dumps(prometheus, daemon, sent[0])
    network.delete_pair()
    wait_for(lambda: "IpacctAttachLost" in alerts_of(prometheus, "pending"), "the alert of a lost device",
             limit_s=20)
    context.note(f"{len(list(queries()))} queries and {len(rule_texts())} alerts,"
                 f" {sent[0]} packets")


def one_of_each_can_be_chosen(prometheus):
    """The lists of the board's variables, and every panel for one router, device and hook."""
    chosen = {}
    for name, metric in variables().items():
        values = prometheus.ask(f"/api/v1/label/{name}/values",
                                **{"match[]": metric.replace("$instance", ".*")})
        check(values, f"nothing to choose for {name}")
        chosen[name] = re.escape(values[0]).replace("\\", "\\\\")  # as Grafana does, in a string
    for title, text, _ in queries(chosen):
        check(result_of(prometheus, text), f"{title}: nothing for {chosen}: {text}")


def alerts_compare_what_is_there(prometheus):
    """With `bool` a comparison keeps what it is false for: both sides are there, and meet; none of it is
    true of a good daemon. What their words name is among the labels."""
    names = re.findall(r"- alert: (\w+)", read(RULES))
    words = re.findall(r"annotations:(.*?)(?=\n +- alert:|\Z)", read(RULES), re.S)
    check_equal((len(names), len(words)), (len(rule_texts()),) * 2, "alerts")
    for name, text, said in zip(names, rule_texts(), words):
        text, n_comparisons = re.subn(r" (>|==) ", r" \1 bool ", text)
        check(n_comparisons, f"{name} compares nothing")
        if name == "IpacctAttachGeneric":  # the one here is native
            check('mode="generic"' in text, text)
            text = text.replace('mode="generic"', 'mode="native"')
        else:
            check_equal(set(prometheus.query(text).values()), {0.0}, f"{name}: {text}")
        found = prometheus.query(text)
        check(found, f"{name} would never fire: {text}")
        for label in re.findall(r"\$labels\.(\w+)", said):
            check(all(label in dict(labels) for labels in found), f"{name}: no label {label}")


def sums_are_the_dumps(prometheus, daemon, sent):
    """In PromQL, of every kind and direction, after the last packet; and nobody looked anything up."""
    def all_scraped():
        daemon.cut()
        return prometheus.query(f"sum(ipacct_interface_seen_packets_total) == {sent}")
    wait_for(all_scraped, "a scrape after the last packet", limit_s=20)
    lookups = scrape.total(scrape.scrape(daemon.network), "ipacct_geo_lookups")
    check(lookups > 0, "the worker looked nothing up")
    dump = daemon.dump("--geo")
    lines = dump["addresses"] + dump["rollups"]
    for kind in ("country", "asn", "group", "address"):
        for direction in ("tx", "rx"):
            for unit in ("packets", "l3_bytes"):
                found = prometheus.query(
                    f'sum(ipacct_{kind}_{unit}_total{{direction="{direction}"}})')
                check_equal([int(one) for one in found.values()],
                            [sum(line[f"{direction}_{unit}"] for line in lines)],
                            f"sum of {kind} {direction} {unit}")
    for _ in range(50):
        samples = scrape.scrape(daemon.network)
        daemon.cut()
    check_equal(scrape.total(samples, "ipacct_geo_lookups"), lookups, "look-ups while scraping")


def alerts_of(prometheus, *states):
    return {one["labels"]["alertname"] for one in prometheus.ask("/api/v1/alerts")["alerts"]
            if one["state"] in states}


def rules_are_well(prometheus):
    def evaluated():
        rules = prometheus.ask("/api/v1/rules")["groups"][0]["rules"]
        return all(one["health"] != "unknown" for one in rules) and rules
    for one in wait_for(evaluated, "evaluation of the rules", limit_s=10):
        check_equal((one["health"], one.get("lastError", "")), ("ok", ""), one["name"])
    check_equal(alerts_of(prometheus, "firing"), set(), "alerts of a good daemon")


@test(limit_s=180, guest=False)
def board_has_the_types_of_grafana(context):
    if not shutil.which("npm"):
        raise Skip("no npm here")
    folder = os.path.join(context.folder, "types")
    shutil.copytree(os.path.join(HERE, "grafana"), folder)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock",
                           "--ignore-scripts", "--fetch-retries", "0"], cwd=folder, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode:
        raise Skip("npm cannot get @grafana/schema: " + " ".join(done.stdout.split())[-300:])
    shutil.copy(BOARD, folder)
    run("node", "types.js", "ipacct.json", "board.ts", cwd=folder)
    run("node_modules/.bin/tsc", "-p", ".", cwd=folder, limit_s=60)
    # and what is wrong is found
    board = json.loads(read(BOARD))
    for change in (lambda one: one.update(id="3"), lambda one: one["gridPos"].update(width=3),
                   lambda one: one["fieldConfig"]["defaults"].update(units="bps"),
                   lambda one: one["options"].update(colourMode="value")):
        wrong = json.loads(json.dumps(board))
        change([one for one in wrong["panels"] if one["type"] == "stat"][0])
        with open(os.path.join(folder, "ipacct.json"), "w", encoding="utf-8") as out:
            json.dump(wrong, out)
        run("node", "types.js", "ipacct.json", "board.ts", cwd=folder)
        run("node_modules/.bin/tsc", "-p", ".", cwd=folder, limit_s=60, expect=2)
