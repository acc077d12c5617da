# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the HTTP endpoint listens: on what it is told, on nothing, and what becomes of that."""

import os
import signal
import socket
import threading

import scrape
from harness import Daemon, Place, alive, end_process, run, wait_end
from tap import check, check_equal, test, wait_for


def listens(network):
    return run("ss", "-N", network.receiver, "-Hltnp").stdout


@test(limit_s=60, guest=False)
def off_means_no_socket_and_no_thread(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network, "--listen", "off").start()
    collector = daemon.pid_of_collector()
    check_equal(listens(network), "", "listening sockets")
    check_equal(len(os.listdir(f"/proc/{collector}/task")), 1, "threads of the collector")
    daemon.stop()
    daemon = Daemon(context, network, place=daemon.place).start()
    check_equal(len(os.listdir(f"/proc/{daemon.pid_of_collector()}/task")), 2, "threads")
    check("127.0.0.1:9477" in listens(network), listens(network))


@test(limit_s=60, guest=False)
def port_in_use_is_one_error_and_changes_nothing(context):
    network = scrape.with_loopback(context)
    network.inside(network.receiver, "sh", "-c",
                   "echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6;"
                   " ip addr replace ::1/128 dev lo")
    first = Daemon(context, network, "--listen", "[::1]:9100").start()
    check_equal(scrape.get(network, port=9100, target="::1", source="::1")[0], 200, "IPv6")
    place = Place(context)
    before = place.pins()
    run("ip", "-n", network.receiver, "link", "add", "rx8", "type", "veth", "peer",
        "name", "rx9")
    second = Daemon(context, network, "--listen", "[::]:9100", place=place,
                    interface="rx8")
    done = second.refuse(code=1, words=["[::]:9100", "in use", "--listen"])
    check_equal(sum("error" in line for line in done.stderr.splitlines()), 1, done.stderr)
    check_equal(place.pins(), before, "pins")
    check(not os.path.exists(os.path.join(place.runtime, "ledger")), "a ledger was made")
    first.cut()


@test(limit_s=60, guest=False)
def socket_in_the_file_system_is_for_the_group(context):
    network = scrape.with_loopback(context)
    place = Place(context)
    path = os.path.join(place.base, "http")
    daemon = Daemon(context, network, "--listen", f"unix:{path}", place=place).start()
    check_equal(os.stat(path).st_mode & 0o777, 0o660, "mode")
    check_equal(os.stat(path).st_gid, os.stat(place.runtime).st_gid, "group")
    check_equal(scrape.get(network, target=path)[0], 200, "answer")
    daemon.kill()
    daemon.start()  # over the name that the dead one left
    check_equal(scrape.get(network, target=path)[0], 200, "answer of the next one")
    daemon.stop()
    check(not os.path.exists(path), "the name stays after a clean stop")


@test(limit_s=60, guest=False)
def service_managers_socket_is_used(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network)
    sockets = []  # made inside the namespace, as systemd would

    def enter_and_listen():
        scrape.enter(network)
        link = socket.socket()
        link.bind(("127.0.0.1", 9200))
        link.listen()
        sockets.append(link)

    thread = threading.Thread(target=enter_and_listen)
    thread.start()
    thread.join()
    with sockets[0] as link:
        daemon.command_prefix = ["sh", "-c", f"exec 3<&{link.fileno()};"
                                 ' LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"]
        daemon.spawn(pass_fds=(link.fileno(),))
    daemon.wait_ready()
    check_equal(scrape.get(network, port=9200)[0], 200, "answer")
    check("9477" not in listens(network), "the default address is used, too")


@test(limit_s=60, guest=False)
def collector_that_dies_leaves_the_socket_to_the_next(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    collector = daemon.pid_of_collector()
    os.kill(collector, signal.SIGKILL)
    wait_for(lambda: not alive(collector), "the death")
    # Nobody serves now, and the connection waits for who comes.
    check_equal(scrape.get(network)[0], 200, "answer of the next collector")
    check(daemon.pid_of_collector() != collector, "another collector")


@test(limit_s=60, guest=False)
def collector_that_outlives_its_supervisor_is_waited_for(context):
    network = scrape.with_loopback(context)
    daemon = Daemon(context, network).start()
    collector = daemon.pid_of_collector()
    os.kill(collector, signal.SIGSTOP)  # in the middle of a long cut, say: it has port and ledger
    try:
        end_process(daemon.process, signal.SIGKILL)
        daemon.spawn()
        wait_for(lambda: "127.0.0.1:9477 is in use: waiting" in daemon.log(), "it waits")
        check(alive(collector), "the collector of before has ended")
    finally:
        os.kill(collector, signal.SIGCONT)
    daemon.wait_ready()
    wait_end(collector, "the collector of before ends")
    check_equal(scrape.get(network)[0], 200, "answer")


@test(limit_s=60, guest=False)
def reload_moves_it_and_keeps_the_old_one_when_it_cannot(context):
    network = scrape.with_loopback(context)
    place = Place(context)
    path = os.path.join(place.base, "ipacct.yaml")
    text = "interval: 100ms\ninterfaces: [{name: rx0}]\nlisten: "
    scrape.write_private(path, text + "127.0.0.1:9301\n")
    daemon = Daemon(context, network, place=place, interface=None)
    daemon.options = ["-c", path]
    daemon.start()
    check_equal(scrape.get(network, port=9301)[0], 200, "first")
    scrape.write_private(path, text + "127.0.0.1:9302\n")
    daemon.ctl("reload")
    check_equal(scrape.get(network, port=9302)[0], 200, "second")
    wait_for(lambda: ":9301 " not in listens(network), "the first is gone")
    with blocked_port(network, 9303):
        scrape.write_private(path, text + "127.0.0.1:9303\ntop_countries: 1\n")
        done = daemon.ctl("reload", expect=1)
        check("9303" in done.stderr and "in use" in done.stderr, done.stderr)
    check_equal(scrape.get(network, port=9302)[0], 200, "the old one")
    collector = daemon.pid_of_collector()
    scrape.write_private(path, text + "127.0.0.1:9302\nlisten_tls_cert: /run/nothing\n"
          "listen_tls_key: /run/nothing\n")
    done = daemon.ctl("reload", expect=78)
    check("/run/nothing" in done.stderr, done.stderr)
    check_equal(daemon.pid_of_collector(), collector, "collector")
    scrape.write_private(path, text + "off\n")
    daemon.ctl("reload")
    check_equal(listens(network), "", "listening sockets")
    daemon.cut()


class blocked_port:  # pylint: disable=invalid-name  # used as a function
    """A port of the counter's namespace that is taken."""

    def __init__(self, network, port):
        self.network, self.port, self.link = network, port, None

    def __enter__(self):
        def listen():
            scrape.enter(self.network)
            self.link = socket.socket()
            self.link.bind(("127.0.0.1", self.port))
            self.link.listen()

        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()

    def __exit__(self, *_):
        self.link.close()
