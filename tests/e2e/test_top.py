# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-top: what it shows against known traffic, key by key, with and without a daemon."""

import json
import os
import re
import signal
import subprocess
import time

from geo import send, with_database
from harness import Daemon, Network, program, status_field
from tap import check, check_equal, test, wait_for
from terminal import Terminal
from test_access import as_group_member
from traffic import Traffic, settle

UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
RATE = r"([0-9.]+) ?([kMG]?)"


def number(text, unit):
    return float(text) * UNITS[unit]


def start(context, *options, interval="200ms", rate=2000, addresses=8, mix="v4,v6"):
    network = Network(context)
    daemon = Daemon(context, network, *options, interval=interval).start()
    traffic = Traffic(context, network, addresses=addresses, rate=rate, mix=mix).start()
    return network, daemon, traffic


def top_command(daemon, *arguments):
    return daemon.network.command_inside(daemon.network.receiver, program("ipacct-top"),
                                         *daemon.arguments, *arguments)


def close_to(value, want, what, part=0.15):
    check(abs(value - want) <= part * want, f"{what}: {value}, expected about {want}")


def json_lines(daemon, *arguments):
    text = daemon.tool("ipacct-top", "--json", *arguments, limit_s=60).stdout
    return [json.loads(line) for line in text.splitlines()]


@test(limit_s=90)
def top_json_adds_up_to_what_was_sent(context):
    network, daemon, traffic = start(context, addresses=200)
    frames = json_lines(daemon, "-n", "8", "-d", "0.5", "-t", "5")
    traffic.finish()
    check_equal(len(frames), 8, "frames")
    for frame in frames:
        check_equal(frame["schema"], "ipacct.top/1", "schema")
        check_equal(frame["conservation"], {"error_packets": 0, "error_l3_bytes": 0}, "proof")
        check_equal(len(frame["rows"]), 5, "rows")
        order = [row["tx_bps"][0] + row["rx_bps"][0] for row in frame["rows"]]
        check_equal(order, sorted(order, reverse=True), "order")
    last = frames[-1]
    # every packet is one of a source and one of a destination: rates of rows are the interface's
    for way in ("tx_pps", "rx_pps"):
        shown = sum(row[way][0] for row in last["rows"]) + last["left_out"][way][0]
        close_to(shown, 2000, way)
    close_to(last["interfaces"][0]["seen_pps"], 2000, "seen")
    settle(daemon, traffic)
    whole = daemon.tool("ipacct-dump", "-j").stdout
    packets = {row["address"]: row["tx_packets"] for row in json.loads(whole)["addresses"]}
    second = Traffic(context, network, addresses=200, rate=2000, mix="v4,v6").start()
    frame = json_lines(daemon, "-n", "3", "-d", "0.5", "-t", "1000")[-1]
    second.finish()
    for row in frame["rows"]:
        check(row["tx_packets"] >= packets[row["address"]], f"total of {row['address']}")
    settle(daemon, traffic, second)


@test(limit_s=120)
def top_on_a_terminal_obeys_its_keys(context):
    _, daemon, _ = start(context, interval="500ms")
    screen = Terminal(context, top_command(daemon))
    screen.wait(r"^conserved: exact")
    screen.wait(r"8 addresses, 8 moving")
    screen.keys("D", "p")
    found = screen.wait(rf"^domain 0 \(8\) +{RATE} +{RATE} +{RATE}")
    # the averages fill up first
    wait_for(lambda: abs(number(*screen.wait(
        rf"^domain 0 \(8\) +{RATE} +{RATE} +{RATE}").groups()[0:2]) - 2000) < 200,
        "2000 packets/s received by all")
    found = screen.wait(rf"^domain 0 \(8\) +{RATE} +{RATE} +{RATE}").groups()
    close_to(number(*found[2:4]), 2000, "sent by all")
    close_to(number(*found[4:6]), 4000, "their sum")
    screen.keys("D")
    screen.wait(r"^ADDRESS +\[packet/s\] +RX +TX +\*2s +10s +40s")
    screen.keys("p")
    screen.wait(r"^ADDRESS +\[bit/s\]")
    screen.keys("2")
    screen.wait(r"RX +TX +2s +\*10s +40s")
    screen.keys("3")
    screen.wait(r"RX +TX +2s +10s +\*40s")
    screen.keys("1")
    screen.keys("s")
    screen.wait(r"^ADDRESS +\[bit/s\] +RX +\*2s")
    screen.keys("d")
    screen.wait(r"^ADDRESS +\[bit/s\] +TX +\*2s")
    screen.keys("d")
    screen.wait(r"RX +TX +\*2s")
    screen.keys("T")
    screen.wait(r"40s +TOTAL$")
    screen.keys("T", "t")
    screen.wait(r"=> .*\n +<= ")
    screen.keys("t", "t")
    screen.wait(r"^ADDRESS tx ")
    screen.keys("t")
    screen.wait(r"^ADDRESS rx ")
    screen.keys("t", "4")
    screen.wait(r"^10\.")
    wait_for(lambda: not re.search(r"^3fff:", screen.text(), re.M), "only IPv4")
    screen.keys("6")
    screen.wait(r"^3fff:")
    wait_for(lambda: not re.search(r"^10\.", screen.text(), re.M), "only IPv6")
    screen.keys("6", "/")
    screen.wait(r"address or prefix .*: _$")
    screen.keys("10.0.0.0/8", "Enter")
    screen.wait(r"not shown or filtered")
    wait_for(lambda: not re.search(r"^3fff:", screen.text(), re.M), "only 10.0.0.0/8")
    screen.keys("/", "BSpace", "BSpace", "x", "Enter")
    screen.wait("'10.0.0.0x' is neither an address nor a prefix")
    screen.keys("/")
    for _ in range(12):
        screen.keys("BSpace")
    screen.keys("Enter")
    screen.wait(r"^3fff:")
    screen.keys(">")
    screen.wait(r"sort: rx_bps")
    screen.keys("<", "<")
    screen.wait(r"sort: address")
    screen.wait(r"^\*ADDRESS.*\n10\.0\.0\.0 ")
    screen.resize(80, 14)  # fewer lines than addresses
    screen.wait(r"^[1-9] not shown")
    screen.keys("j")
    wait_for(lambda: not re.search(r"^10\.0\.0\.0 ", screen.text(), re.M), "scrolled")
    screen.keys("k")
    screen.wait(r"^10\.0\.0\.0 ")
    screen.resize(80, 24)
    screen.keys("<")
    screen.keys("c")
    screen.wait("no geo file")
    screen.keys("i")
    screen.wait(r"^rx0 ")
    screen.keys("P")
    screen.wait("PAUSED")
    cut = screen.wait(r"cut (\d+)").group(1)
    wait_for(lambda: daemon.status()["cut"] > int(cut) + 4, "cuts go on")
    check_equal(screen.wait(r"cut (\d+)").group(1), cut, "the cut shown while paused")
    screen.keys("P")
    wait_for(lambda: screen.wait(r"cut (\d+)").group(1) != cut, "going on")
    screen.keys("h")
    screen.wait("this help")
    screen.keys("h", "q")
    screen.wait("left=0")
    screen.wait(r"[^-]echo ")


PLACES = [["8.8.8.0/24", {"country": {"iso_code": "US", "names": {"en": "United States"}},
                          "autonomous_system_number": 64496,
                          "autonomous_system_organization": "Example Transit"}],
          ["9.0.0.0/8", {"country": {"iso_code": "DE", "names": {"en": "Germany"}},
                         "autonomous_system_number": 64511,
                         "autonomous_system_organization": "Beispielnetz"}]]


@test(limit_s=90)
def top_shows_names_bars_and_systems_on_their_keys(context):
    network = Network(context)
    place, path = with_database(context, PLACES)
    daemon = Daemon(context, network, "--geo-database", path, place=place, interval="200ms").start()
    screen = Terminal(context, top_command(daemon, "-d", "0.2"))

    def sending(pattern, gone=None):
        """The screen matches while the same three addresses go on."""
        def shown():
            send(network, ["8.8.8.8", "9.1.2.3", "10.0.0.7"])
            text = screen.text()
            return re.search(pattern, text, re.M) and not (gone and re.search(gone, text, re.M))
        wait_for(shown, f"/{pattern}/ and not /{gone}/")

    sending(r"^ADDRESS +\[bit/s\] +CC +AS  ")
    sending(r"^8\.8\.8\.8 +US +AS64496 ")
    sending(r"^9\.1\.2\.3 +DE +AS64511 ")
    screen.resize(130, 24)
    sending(r"^8\.8\.8\.8 +US +AS64496 +Example Transit ")
    screen.keys("n")
    sending(r"^8\.8\.8\.8 +[0-9.]", gone="AS64496|Example Transit|NAME")
    screen.keys("n")
    sending(r"^9\.1\.2\.3 +DE +AS64511 +Beispielnetz ")
    screen.keys("A")
    sending(r"^AS64496 Example Transit \(1\) ", gone=r"^ADDRESS|^8\.8")
    sending(r"^AS64511 Beispielnetz \(1\) ")
    sending(r"^\(private\) \(1\) ")  # in none: they add up
    screen.keys("n")
    sending(r"^AS64496 \(1\) ", gone="Example")
    screen.keys("n", "c")
    sending(r"^US United States \(1\) ", gone="^AS")
    screen.keys("c")
    sending(r"^8\.8\.8\.8 +US ")

    def bars():
        """Whether anything has the background of a bar, which goes on from line to line."""
        send(network, ["8.8.8.8", "9.1.2.3", "10.0.0.7"])
        return any("48;5;24m" in line for line in screen.screen("-e"))

    wait_for(bars, "bars under the rows")
    screen.keys("b")
    wait_for(lambda: not bars(), "no bars")
    screen.keys("b")
    wait_for(bars, "bars again")


@test(limit_s=60)
def top_fits_every_size_and_leaves_the_terminal_as_it_was(context):
    _, daemon, _ = start(context)
    screen = Terminal(context, top_command(daemon))
    screen.wait(r"^conserved: exact")
    for columns, lines in ((20, 5), (5, 2), (1, 1), (132, 50), (80, 24)):
        screen.resize(columns, lines)
        wait_for(lambda c=columns: len(screen.screen()[0]) >= min(c, 10) and
                 "left=" not in screen.text(), f"a screen of {columns} x {lines}")
        if lines > 20:
            screen.wait(rf"^.{{{columns - 3}}}40s$")
    pid = int(subprocess.run(["tmux", "-S", screen.socket, "display", "-p", "#{pane_pid}"],
                             check=True, stdout=subprocess.PIPE).stdout)
    tops = wait_for(lambda: [int(p) for p in os.listdir("/proc") if p.isdigit() and
                             status_field(p, "Name") == ["ipacct-top"] and
                             descends(int(p), pid)], "the process")
    os.kill(tops[0], signal.SIGTERM)
    screen.wait("left=0")
    screen.wait(r"[^-]icanon")


def descends(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int((status_field(pid, "PPid") or [0])[0])
    return False


@test(limit_s=60)
def top_without_utf8_is_plain_and_a_dumb_terminal_is_refused(context):
    _, daemon, _ = start(context)
    screen = Terminal(context, top_command(daemon), environment={"LC_ALL": "C"})
    screen.wait(r"^minute +[.,:=+*#-]+ +[0-9.]+ [kM]bit/s")
    check(all(ord(c) < 128 for c in screen.text()), "only ASCII")
    screen.keys("q")
    screen.wait("left=0")
    done = daemon.tool("ipacct-top", expect=1)
    check("--batch" in done.stderr, done.stderr)
    text = daemon.tool("ipacct-top", "--batch", "-n", "2", "--width", "60", "-t", "3").stdout
    check(max(map(len, text.splitlines())) <= 60, "width")
    check_equal(text.count("conserved: exact"), 2, "frames")


@test(limit_s=90)
def top_counts_on_without_daemon_and_privilege(context):
    _, daemon, traffic = start(context)
    wait_for(lambda: daemon.seen() > 1000, "something is counted")
    command = [program("ipacct-top"), "--json", "-n", "4", "-d", "0.5", *daemon.arguments]
    screen = Terminal(context, top_command(daemon), columns=110)
    screen.wait(r"conserved")

    def read():
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        return [done.returncode, done.stderr, done.stdout.splitlines()]

    code, error, lines = as_group_member(read)
    check_equal([code, error, len(lines)], [0, "", 4], "as a group member")
    check_equal(json.loads(lines[-1])["cost"]["daemon"], "running", "asked as a group member")
    daemon.stop()
    screen.wait(r"live, after cut", limit_s=20)
    screen.wait(r"daemon: not running, counting goes on", limit_s=20)
    code, error, lines = as_group_member(read)
    check_equal([code, error, len(lines)], [0, "", 4], "without a daemon")
    last = json.loads(lines[-1])
    check_equal(last["live"], True, "live")
    close_to(sum(row["rx_pps"][0] for row in last["rows"]), 2000, "packets/s, live")
    daemon.start()
    screen.wait(r"UTC  cut ", limit_s=20)
    traffic.finish()
    settle(daemon, traffic)


@test(limit_s=60)
def top_waits_for_a_ledger_that_cannot_be_read(context):
    _, daemon, _ = start(context)
    screen = Terminal(context, top_command(daemon))
    screen.wait(r"^conserved: exact")
    daemon.stop()
    ledger = os.path.join(daemon.place.runtime, "ledger")
    aside = ledger + ".aside"
    os.rename(ledger, aside)
    with open(ledger, "wb") as file:
        file.write(bytes(8192))
    screen.wait(r"waiting for it to come back")
    os.rename(aside, ledger)
    screen.wait(r"UTC  (live, after )?cut ", limit_s=20)
    screen.keys("q")
    screen.wait("left=0")


@test(limit_s=90)
def top_grows_no_memory_and_takes_little_time(context):
    # a budget that stretches no interval: it would read the maps then, as the next one does
    _, daemon, _ = start(context, "--cpu-budget", "100%", interval="100ms", addresses=5000,
                         rate=20000)
    grows_no_memory(context, daemon, 200)


@test(limit_s=90)
def top_live_grows_no_memory(context):
    _, daemon, _ = start(context, "--cpu-budget", "100%", interval="300ms", addresses=5000,
                         rate=20000)
    grows_no_memory(context, daemon, 100, "--live")


def grows_no_memory(context, daemon, frames, *arguments):
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        top_command(daemon, "--json", "-d", "0.1", "-t", "50", *arguments),
        stdout=subprocess.PIPE, text=True)
    context.callback(process.kill)
    sizes = []
    for count in range(1, frames + 1):
        frame = json.loads(process.stdout.readline())
        check_equal(frame["live"], bool(arguments), "it reads the maps")
        if count % (frames // 4) == 0:
            sizes.append(int(status_field(process.pid, "RssAnon")[0]))  # the ledger is a file
    process.terminate()
    check_equal(process.wait(), 0, "exit code")
    # slots come and go by chance; nothing may grow with time
    check(sizes[-1] - sizes[1] <= max(512, sizes[1] // 50),
          f"RssAnon in kB after each quarter of {frames} frames: {sizes}")
    context.note(f"{frame['moving']} moving, {frame['cost']['own_cpu_ns'] / frames / 1e6:.2f} ms"
                 f" a frame, RssAnon {sizes[-1]} kB")


@test(limit_s=60)
def top_colours_only_where_they_are_wanted(context):
    _, daemon, _ = start(context)
    for variables, wanted in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = Terminal(context, top_command(daemon), environment=variables)
        screen.wait(r"^conserved: exact")
        started = time.monotonic()
        text = "\n".join(screen.screen("-e"))
        check_equal(bool(re.search("\033\\[[0-9;]*32m", text)), wanted,
                    f"green with {variables} after {started}")
        screen.keys("q")
        screen.wait("left=0")
        subprocess.run(["tmux", "-S", screen.socket, "kill-server"], check=False)
