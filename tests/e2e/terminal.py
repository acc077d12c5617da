# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal for programs that need one: a tmux server of a test's own."""

import itertools
import os
import re
import subprocess

from harness import run
from tap import Skip, wait_for

_NUMBERS = itertools.count(1)
PLAIN = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}


class Terminal:
    """One program in one pane; its screen as lines of text."""

    def __init__(self, context, command, columns=80, lines=24, environment=None):
        self.socket = os.path.join(context.folder, f"tmux-{next(_NUMBERS)}")
        if subprocess.run(["tmux", "-V"], check=False, stdout=subprocess.DEVNULL).returncode:
            raise Skip("no tmux")
        variables = dict(PLAIN, **(environment or {}))
        # The shell goes on after the program, so that what it leaves behind can be looked at.
        words = " ".join(f"'{word}'" for word in map(str, command))
        script = " ".join(f"{name}='{value}'" for name, value in variables.items())
        context.callback(run, "tmux", "-S", self.socket, "kill-server", expect=None)
        self._tmux("-f", "/dev/null", "-u", "new-session", "-d", "-x", columns, "-y", lines,
                   f"sh -c \"exec 3>/dev/null; env {script} {words}; echo left=\\$?; stty -a;"
                   " exec cat\"", env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm-256color"))

    def _tmux(self, *arguments, **options):
        return run("tmux", "-S", self.socket, *arguments, **options).stdout

    def screen(self, *options):
        return self._tmux("capture-pane", "-p", *options).split("\n")

    def text(self):
        return "\n".join(self.screen())

    def keys(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, columns, lines):
        self._tmux("resize-window", "-x", columns, "-y", lines)

    def wait(self, pattern, what=None, limit_s=10):
        """Wait until the screen matches; return the match."""
        return wait_for(lambda: re.search(pattern, self.text(), re.M),
                        what or f"/{pattern}/ on the screen, which is\n{self.text()}", limit_s)
