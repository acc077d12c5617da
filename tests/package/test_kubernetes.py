# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifests: well-formed, by the schema, and of one mind with unit and image."""

import copy
import json
import os
import re
import shutil
import subprocess

from harness import run
from machine import CACHE
from manifests import FOLDER, KINDS, VERSIONS, faults, load, names, pod
from packages import HERE, TOP, version
from tap import Skip, check, check_equal, test

# The last of those that run on Debian 12's node 18.
SCHEMA_PACKAGE = "kubernetes-models@4.5.1"


def every_container(document):
    return pod(document).get("initContainers", []) + pod(document)["containers"]


def daemon_sets():
    return {name: load(name)["DaemonSet"] for name in names()}


@test()
def manifests_are_well_formed_and_have_only_known_keys(_context):
    check_equal(names(), ["detach.yaml", "ipacct.yaml"], "manifests")
    run("yamllint", "--strict", "-d", "{extends: default, rules: {line-length: {max: 100}}}", FOLDER)
    for name in names():
        for kind, document in load(name).items():
            check_equal(document["apiVersion"], VERSIONS[kind], f"{name}: version of {kind}")
            check_equal(faults(document, KINDS[kind]), [], f"{name}: faults of {kind}")
    # The check sees what it is there for.
    broken = copy.deepcopy(load("ipacct.yaml")["DaemonSet"])
    pod(broken)["hostNetwrk"] = pod(broken).pop("hostNetwork")
    pod(broken)["containers"][0]["securityContext"]["runAsUser"] = "0"
    check_equal(len(faults(broken, KINDS["DaemonSet"])), 2, "faults found in a broken manifest")


@test()
def manifests_agree_with_themselves(_context):
    for name, document in daemon_sets().items():
        spec, template = document["spec"], document["spec"]["template"]
        check_equal(spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items(),
                    True, f"{name}: the selector finds its pods")
        volumes = {volume["name"] for volume in pod(document)["volumes"]}
        mounted = {mount["name"] for one in every_container(document)
                   for mount in one["volumeMounts"]}
        check_equal(mounted, volumes, f"{name}: volumes that are mounted, and that are there")
        check_equal({one["image"] for one in every_container(document)}, {f"ipacct:{version()}"},
                    f"{name}: image")
        check(pod(document)["hostNetwork"], f"{name}: not in the node's network")
    volume = {one["name"]: one for one in pod(daemon_sets()["ipacct.yaml"])["volumes"]}
    check_equal(volume["config"]["configMap"]["name"], load("ipacct.yaml")["ConfigMap"]["metadata"]
                ["name"], "name of the ConfigMap")
    # What one attached the other detaches.
    other = {one["name"]: one for one in pod(daemon_sets()["detach.yaml"])["volumes"]}
    for shared in ("runtime", "pins"):
        check_equal(other[shared], volume[shared], f"volume {shared} of both")


@test()
def capabilities_of_manifest_and_unit_are_the_same(_context):
    with open(os.path.join(TOP, "deploy/systemd/ipacctd.service.in"), encoding="utf-8") as text:
        unit = re.search(r"^CapabilityBoundingSet=(.*)$", text.read(), re.MULTILINE).group(1)
    expected = sorted(word.removeprefix("CAP_") for word in unit.split())
    for name, document in daemon_sets().items():
        for one in every_container(document):
            context = one["securityContext"]
            check_equal(context["capabilities"]["drop"], ["ALL"], f"{name}: dropped")
            check_equal((context["privileged"], context["allowPrivilegeEscalation"],
                         context["readOnlyRootFilesystem"]), (False, False, True),
                        f"{name}: privileged, escalation, read-only root")
            if one["name"] != "done":
                check_equal(sorted(context["capabilities"]["add"]), expected, f"{name}: added")


def schema_modules():
    """The folder with the schema's package: from the cache, or from the registry."""
    if not shutil.which("npm"):
        raise Skip("no npm to get the API schema with; structure and types were checked above")
    folder = os.path.join(CACHE, "schema")
    if not os.path.exists(os.path.join(folder, "complete")):
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--prefix", folder, SCHEMA_PACKAGE], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=120)
        if done.returncode:
            raise Skip(f"npm gives no {SCHEMA_PACKAGE}: {done.stdout.strip().splitlines()[-1]}")
        with open(os.path.join(folder, "complete"), "w", encoding="ascii") as out:
            out.write(SCHEMA_PACKAGE + "\n")
    return os.path.join(folder, "node_modules")


def by_schema(modules, documents):
    done = subprocess.run(["node", os.path.join(HERE, "kubernetes_schema.cjs")],
                          input=json.dumps(documents), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
                          env=dict(os.environ, NODE_PATH=modules))
    return done.returncode, done.stdout


@test(limit_s=180)
def manifests_follow_the_published_schema(_context):
    modules = schema_modules()
    for name in names():
        check_equal(by_schema(modules, list(load(name).values())), (0, ""), name)
    broken = copy.deepcopy(load("ipacct.yaml")["DaemonSet"])
    pod(broken)["containers"][0]["securityContext"]["runAsUser"] = "root"
    check_equal(by_schema(modules, [broken])[0], 1, "exit code for a broken manifest")
