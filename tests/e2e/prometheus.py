# SPDX-License-Identifier: GPL-2.0-or-later
"""A Prometheus of a test's own, in the counter's namespace."""

import json
import os
import shutil
import subprocess
import urllib.parse

import scrape
from harness import end_process
from tap import Failure, Skip, check_equal, wait_for

PORT = 9490  # of the namespace, which is ours


def start(context, network, *command, log=subprocess.DEVNULL):
    process = subprocess.Popen(  # pylint: disable=consider-using-with
        network.command_inside(network.receiver, *command), stdin=subprocess.DEVNULL, stdout=log,
        stderr=log, start_new_session=True)
    context.callback(end_process, process)
    return process


class Prometheus:
    """A server of a test's own, never the service of the package."""

    def __init__(self, context, network, config, files=()):
        """files: (name, text) beside the configuration."""
        if not shutil.which("prometheus"):
            raise Skip("no prometheus here")
        self.network = network
        folder = os.path.join(context.folder, "prometheus")
        os.mkdir(folder)
        for name, text in (("config.yml", config), *files):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        self.log = open(os.path.join(folder, "log"), "w+b")  # pylint: disable=consider-using-with
        context.callback(self.log.close)
        start(context, network, "prometheus", f"--config.file={folder}/config.yml",
              f"--storage.tsdb.path={folder}/data", "--log.level=debug",
              f"--web.listen-address=127.0.0.1:{PORT}", log=self.log)
        wait_for(self.ready, "prometheus", limit_s=30)

    def ready(self):
        try:
            return scrape.get(self.network, "/-/ready", port=PORT)[0] == 200
        except (OSError, Failure):
            return False

    def ask(self, path, **words):
        status, _, body = scrape.get(self.network, path + "?" + urllib.parse.urlencode(words),
                                     port=PORT)
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
