# SPDX-License-Identifier: GPL-2.0-or-later
"""The manifests of deploy/kubernetes, and what of the API's schema they may use."""

import os

import yaml

from packages import TOP

FOLDER = os.path.join(TOP, "deploy/kubernetes")

# Kubernetes API reference v1.30, apps/v1 DaemonSet and v1 ConfigMap: the keys that the manifests
# use and their kinds. The server drops a misspelt key in silence or refuses it; here it is an error.
STRINGS = {"*": str}
METADATA = {"name": str, "namespace": str, "labels": STRINGS, "annotations": STRINGS}
HTTP_PROBE = {"httpGet": {"path": str, "port": int, "host": str}, "periodSeconds": int,
              "initialDelaySeconds": int, "failureThreshold": int, "timeoutSeconds": int}
CONTAINER = {
    "name": str, "image": str, "imagePullPolicy": str, "command": [str], "args": [str],
    "ports": [{"name": str, "containerPort": int, "protocol": str}],
    "livenessProbe": HTTP_PROBE, "readinessProbe": HTTP_PROBE,
    "env": [{"name": str, "valueFrom": {"fieldRef": {"fieldPath": str}}}],
    "securityContext": {
        "runAsUser": int, "runAsGroup": int, "privileged": bool, "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool, "capabilities": {"add": [str], "drop": [str]},
        "seccompProfile": {"type": str}},
    "resources": {"requests": STRINGS, "limits": STRINGS},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
}
POD = {
    "hostNetwork": bool, "dnsPolicy": str, "automountServiceAccountToken": bool,
    "enableServiceLinks": bool, "priorityClassName": str, "terminationGracePeriodSeconds": int,
    "nodeSelector": STRINGS, "tolerations": [{"operator": str}], "containers": [CONTAINER],
    "initContainers": [CONTAINER],
    "volumes": [{"name": str, "configMap": {"name": str},
                 "hostPath": {"path": str, "type": str}}],
}
KINDS = {
    "ConfigMap": {"apiVersion": str, "kind": str, "metadata": METADATA, "data": STRINGS},
    "DaemonSet": {"apiVersion": str, "kind": str, "metadata": METADATA,
                  "spec": {"selector": {"matchLabels": STRINGS},
                           "template": {"metadata": METADATA, "spec": POD}}},
}
VERSIONS = {"ConfigMap": "v1", "DaemonSet": "apps/v1"}


def load(name):
    """The documents of one manifest by kind."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as text:
        return {one["kind"]: one for one in yaml.safe_load_all(text) if one}


def names():
    return sorted(entry for entry in os.listdir(FOLDER) if entry.endswith(".yaml"))


def faults(value, kind, where=""):
    """What in the value is not as its kind says, as "path: why"."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [f"{where}: not a mapping"]
        found = []
        for key, inner in value.items():
            if key not in kind and "*" not in kind:
                found.append(f"{where}.{key}: no such key")
            else:
                found += faults(inner, kind.get(key, kind.get("*")), f"{where}.{key}")
        return found
    if isinstance(kind, list):
        if not isinstance(value, list) or not value:
            return [f"{where}: not a list with something in it"]
        return [fault for i, inner in enumerate(value)
                for fault in faults(inner, kind[0], f"{where}[{i}]")]
    # A bool is an int for Python and for nobody else.
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        return [f"{where}: {value!r} is not of type {kind.__name__}"]
    return []


def pod(document):
    return document["spec"]["template"]["spec"]
