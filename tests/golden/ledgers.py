# SPDX-License-Identifier: GPL-2.0-or-later
"""ipacct-dump and ipacctctl on ledgers whose every number is known. The programs are the arguments:
DUMP CTL MAKE_LEDGER MAKE_GEO [DAEMON]."""

import os
import subprocess
import tempfile

from golden import DEADLINE_S, environment, programs, run_all

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIG = 200000  # addresses: far more output than a pipe holds
DUMP, CTL, MAKE, MAKE_GEO, *DAEMON = programs()


def run(program, *args, columns=None, **more):
    """Run a tool on the ledger in ./VARIANT (default: ./committed)."""
    variant = more.pop("variant", "committed")
    env = environment(**({"COLUMNS": str(columns)} if columns else {}))
    command = [program, "--runtime-dir", variant, "--bpffs", "no-bpffs", *args]
    if more.pop("background", False):
        return subprocess.Popen(command, env=env, **more)
    return subprocess.run(command, env=env, timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})


def good(program, *args, **more):
    done = run(program, *args, **more)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.decode()}"
    assert done.stderr == b"", f"standard error: {done.stderr.decode()}"
    return done.stdout


def refused(code, program, *args, says="", **more):
    done = run(program, *args, **more)
    text = done.stderr.decode()
    assert done.returncode == code, f"exit {done.returncode}, not {code}: {text}"
    assert says in text, f"'{says}' is not in: {text}"
    assert done.stdout == b"", f"standard output: {done.stdout[:200]}"


def make(folder, variant):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([MAKE, f"{folder}/ledger", variant], check=True, timeout=DEADLINE_S)
    make_geo(folder, variant if variant.isdigit() else "known")


def make_geo(folder, variant):
    if os.path.exists(f"{folder}/geo"):
        os.unlink(f"{folder}/geo")
    subprocess.run([MAKE_GEO, f"{folder}/geo", variant], check=True, timeout=DEADLINE_S)


def make_for(folder):
    """A ledger and a geo file as the name of the folder says."""
    if folder == "locked":
        make(folder, "committed")
        os.unlink(f"{folder}/geo")
    elif folder.startswith("geo-"):
        make(folder, "committed")
        make_geo(folder, folder[len("geo-"):])
    else:
        make(folder, folder)


def main(*folders):
    """All tests, beside these folders. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="ipacct-golden-") as folder:
        os.chdir(folder)
        os.chmod(folder, 0o755)
        for one in folders:
            make_for(one)
        failed = run_all()
        os.chdir("/")
    return failed
