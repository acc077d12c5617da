#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The stored texts of /metrics, judged by others: promtool and the strict parsers of the Python client."""

import os
import shutil
import subprocess
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics")


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as text:
        return text.read()


def promtool():
    done = subprocess.run(["promtool", "check", "metrics"], input=read("metrics.txt"), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def families(module, text):
    """All samples, as the parser understands them."""
    found = {}
    for family in module.text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = float(sample.value)  # as Prometheus will hold it
    return found


def canonical(key):
    """le="63" and le="63.0" are one bound, written as each format wants it."""
    name, labels = key
    return name, tuple((label, str(float(value)) if label == "le" else value)
                       for label, value in labels)


def same_numbers():
    import prometheus_client.openmetrics.parser as openmetrics
    import prometheus_client.parser as text
    one = {canonical(key): value for key, value in families(text, read("metrics.txt")).items()}
    other = {canonical(key): value for key, value
             in families(openmetrics, read("metrics.om") + "# EOF\n").items()
             if not key[0].endswith("_created")}
    assert one == other, sorted(set(one.items()) ^ set(other.items()))


def has_client():
    return subprocess.run([sys.executable, "-c", "import prometheus_client"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


TESTS = (("promtool finds nothing to say", promtool, lambda: shutil.which("promtool"), "promtool"),
         ("both formats hold the same numbers", same_numbers, has_client,
          "python3-prometheus-client"))

print(f"1..{len(TESTS)}")
for number, (name, function, there, package) in enumerate(TESTS, 1):
    if not there():
        print(f"ok {number} - {name} # SKIP no {package}")
        continue
    try:
        function()
        print(f"ok {number} - {name}")
    except Exception as problem:  # pylint: disable=broad-except  # anything is a failed test
        print(f"not ok {number} - {name}")
        print("# " + str(problem)[:2000].replace("\n", "\n# "))
