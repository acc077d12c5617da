# SPDX-License-Identifier: GPL-2.0-or-later
"""The OCI image: what is in it, and that it counts as the DaemonSet starts it."""

import functools
import grp
import hashlib
import json
import os
import subprocess
import sys

import yaml

import harness
import scrape
from harness import Network, Place, end_process, run, status_field
from manifests import load, pod
from packages import HERE, TOP, built_in, version, work
from tap import check, check_equal, test, wait_for
from traffic import Traffic, settle

IMAGE_ID = 9477  # deploy/container/build.sh: user and group ipacct of the image
# The address of the node, of those that lo has without being asked; not the daemon's default.
NODE_VALUES = {"status.hostIP": "127.0.0.9"}
CAPABILITIES = {  # linux/capability.h
    "CHOWN": 0, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_ADMIN": 12, "PERFMON": 38,
    "BPF": 39}


@functools.cache
def archive():
    """The image, built once, unpacked: folder of the oci-archive."""
    path = os.path.join(work(), "ipacct.oci.tar")
    run(os.path.join(TOP, "deploy/container/build.sh"), "-o", path, built_in(), limit_s=300)
    folder = os.path.join(work(), "oci")
    os.mkdir(folder)
    run("tar", "-C", folder, "-xf", path)
    return folder, os.path.getsize(path)


def blob(descriptor):
    """Path of a blob, its digest checked."""
    algorithm, digest = descriptor["digest"].split(":")
    path = os.path.join(archive()[0], "blobs", algorithm, digest)
    with open(path, "rb") as content:
        check_equal(hashlib.new(algorithm, content.read()).hexdigest(), digest, f"digest of {path}")
    return path


def parsed(path):
    with open(path, encoding="utf-8") as text:
        return json.load(text)


def image():
    """Configuration and layers, as an engine finds them: index, manifest, configuration."""
    index = parsed(os.path.join(archive()[0], "index.json"))
    check_equal(len(index["manifests"]), 1, "images in the archive")
    manifest = parsed(blob(index["manifests"][0]))
    return parsed(blob(manifest["config"])), [blob(layer) for layer in manifest["layers"]]


@functools.cache
def root():
    folder = os.path.join(work(), "image-root")
    for layer in image()[1]:
        os.makedirs(folder, exist_ok=True)
        run("tar", "-C", folder, "--numeric-owner", "-xpf", layer)
    return folder


@test(limit_s=300)
def image_holds_our_programs_and_no_shell(context):
    configuration, _ = image()
    settings = configuration["config"]
    check_equal(settings["Entrypoint"], ["/usr/sbin/ipacctd"], "entry point")
    check_equal(settings["Cmd"], ["-c", "/etc/ipacct/ipacct.yaml", "--bpffs", "/run/ipacct/bpf"],
                "arguments")
    check_equal(settings["Labels"]["org.opencontainers.image.version"], version(), "version")
    for path, mode in (("/usr/sbin/ipacctd", 0o755), ("/usr/sbin/ipacctctl", 0o755),
                       ("/usr/bin/ipacct-dump", 0o755), ("/etc/ipacct/ipacct.yaml", 0o644),
                       ("/run/ipacct", 0o750)):
        found = os.stat(root() + path)
        check_equal((found.st_mode & 0o7777, found.st_uid), (mode, 0), f"mode and owner of {path}")
    check_equal(os.stat(root() + "/run/ipacct").st_gid, IMAGE_ID, "group of the runtime directory")
    everything = {os.path.join(top, name) for top, _, files in os.walk(root()) for name in files}
    for name in ("sh", "bash", "dash", "busybox", "dpkg", "apt", "perl", "python3"):
        check(not any(path.endswith(f"bin/{name}") for path in everything), f"{name} is in it")
    for package in ("ipacct", "libbpf1", "libc6", "libxdp1"):
        check(os.path.exists(f"{root()}/usr/share/doc/{package}/copyright"), f"licence of {package}")
    setuid = [path for path in everything if not os.path.islink(path)
              and os.stat(path).st_mode & 0o6000]
    check_equal(setuid, [], "set-user-id programs")
    for program in ("/usr/sbin/ipacctd", "/usr/sbin/ipacctctl", "/usr/bin/ipacct-dump"):
        check(version() in run("chroot", root(), program, "--version").stdout.split(),
              f"{program} --version in the image")
    context.note(f"oci-archive {archive()[1] // 1024} KiB, {len(everything)} files")


class Node:
    """What a node gives its pods: a runtime directory, a folder in its bpffs, a network."""

    def __init__(self, context):
        self.network = Network(context)
        scrape.loopback_up(self.network)
        self.place = Place(context)
        os.mkdir(self.place.runtime)
        self.pins = os.path.join(self.place.bpffs, "ipacct")
        os.mkdir(self.pins)  # as kubelet makes both, DirectoryOrCreate: mode 0755
        self.config = os.path.join(self.place.base, "config")
        os.mkdir(self.config)
        data = load("ipacct.yaml")["ConfigMap"]["data"]["ipacct.yaml"]
        settings = yaml.safe_load(data)
        check(settings["interfaces"][0]["optional"], "the manifest's interface may be missing")
        with open(os.path.join(self.config, "ipacct.yaml"), "w", encoding="utf-8") as out:
            out.write(data.replace("name: eth0", "name: rx0"))

    def mounts(self, container):
        sources = {"config": self.config, "runtime": self.place.runtime, "pins": self.pins}
        return [[sources[one["name"]], one["mountPath"], one.get("readOnly", False)]
                for one in container["volumeMounts"]]


def expanded(words, container):
    """$(NAME) in arguments, as kubelet puts it in."""
    for one in container.get("env", []):
        value = NODE_VALUES[one["valueFrom"]["fieldRef"]["fieldPath"]]
        words = [word.replace(f"$({one['name']})", value) for word in words]
    return words


class Pod:
    """One container of a manifest, run by us instead of kubelet."""

    def __init__(self, context, node, container, command=None):
        settings = image()[0]["config"]
        self.network = node.network
        security = container["securityContext"]
        spec = {"root": root(), "mounts": node.mounts(container),
                "capabilities": [CAPABILITIES[name] for name in security["capabilities"]
                                 .get("add", [])],
                "command": command or container.get("command") or
                settings["Entrypoint"] + expanded(container.get("args", settings["Cmd"]),
                                                  container)}
        self.log_path = os.path.join(node.place.base, "pod.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                node.network.command_inside(
                    node.network.receiver, "unshare", "--mount", "--pid", "--fork", "--kill-child",
                    "--", sys.executable, "-B", os.path.join(HERE, "pod.py"), json.dumps(spec)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        context.callback(end_process, self.process, 9)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def pid(self):
        if self.process.poll() is not None:
            raise harness.Failure(f"the container ended: {self.log()[-2000:]}")
        return min(harness.children(self.process.pid), default=None)

    def tool(self, name, *arguments, **options):
        """As `kubectl exec` would."""
        return run("nsenter", "-t", self.pid(), "-m", "-p", "-n", "--root", "--wd=/", "--",
                   "/usr/sbin/" + name if name == "ipacctctl" else "/usr/bin/" + name, *arguments,
                   **options)

    def ctl(self, *arguments, **options):
        return self.tool("ipacctctl", *arguments, **options)

    def dump(self, *arguments, **options):
        return json.loads(self.tool("ipacct-dump", "-j", *arguments, **options).stdout)

    def seen(self, *arguments):
        return sum(one["seen_packets"] for one in self.dump("-n", "1", *arguments)["interfaces"])

    def cut(self):
        self.ctl("cut")

    def wait_counting(self):
        wait_for(lambda: self.pid() and "counting;" in self.log(), "the container counts",
                 limit_s=20)

    def probe(self, http_get):
        """Status of the answer that kubelet gets."""
        return scrape.get(self.network, http_get["path"], port=http_get["port"],
                          target=NODE_VALUES["status.hostIP"])[0]

    def stop(self):
        """SIGTERM to the first process, as kubelet does."""
        os.kill(self.pid(), 15)
        check_equal(self.process.wait(20), 0, f"exit code: {self.log()[-1000:]}")


@test(limit_s=300)
def image_counts_as_the_daemon_set_starts_it(context):
    node = Node(context)
    container = pod(load("ipacct.yaml")["DaemonSet"])["containers"][0]
    first = Pod(context, node, container)
    first.wait_counting()
    wanted = sum(1 << CAPABILITIES[name]
                 for name in container["securityContext"]["capabilities"]["add"])
    check_equal(int(status_field(first.pid(), "CapEff")[0], 16), wanted, "capabilities")
    check_equal(os.stat(os.path.join(node.place.runtime, "ledger")).st_gid, IMAGE_ID,
                "group of the ledger")
    for probe in ("livenessProbe", "readinessProbe"):
        check_equal(first.probe(container[probe]["httpGet"]), 200, f"answer to the {probe}")
    traffic = Traffic(context, node.network, addresses=300, rate=20_000).start()
    wait_for(lambda: first.seen("--live") > 1000, "counting")
    first.stop()
    check(node.network.xdp_attached(), "detached by the end of a pod")
    second = Pod(context, node, container)
    wait_for(lambda: second.log().count("counting;") == 2, "the second pod counts", limit_s=20)
    traffic.finish()
    settle(second, traffic)
    traffic.compare(second)
    second.stop()

    detach = pod(load("detach.yaml")["DaemonSet"])
    last = Pod(context, node, detach["initContainers"][0])
    check_equal(last.process.wait(30), 0, f"exit code of detach: {last.log()[-1000:]}")
    check_equal((node.network.xdp_attached(), os.listdir(node.pins)), (0, []),
                "program and pins after detach.yaml")
    reader = Pod(context, node, detach["containers"][0])
    wait_for(lambda: reader.pid() and status_field(reader.pid(), "CapEff") == ["0" * 16] and
             os.path.basename(os.readlink(f"/proc/{reader.pid()}/exe")) == "ipacct-dump",
             "the container that waits")
    traffic.compare(reader)
    context.note(f"{traffic.sent()} packets over two pods with"
                 f" {len(container['securityContext']['capabilities']['add'])} capabilities: all"
                 f" counted")
    check("ipacct" not in [entry.gr_name for entry in grp.getgrall() if entry.gr_gid == IMAGE_ID],
          "this host has the image's group: the modes would prove less")
