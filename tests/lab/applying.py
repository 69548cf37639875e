"""A host of the lab whose firewall rules are changed: files for it, the command at work, and what its kernel has."""

import contextlib
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.firewall.policies import group, policy
from tests.lab.network import Host
from tests.lab.waiting import wait_until
from vrrpwatch.firewall.backends import BACKENDS
from vrrpwatch.firewall.flows import plan

COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))
# Rules of others, as keepalived's vrrp_strict and a careful administrator leave them.
OTHERS = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:keepalived_in - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -j keepalived_in
-A INPUT -m comment --comment "not -j VRRPWATCH-IN" -p tcp --dport 22 -j ACCEPT
-A keepalived_in -d 192.0.2.100/32 -j DROP
COMMIT
"""
PROVABLE = tuple(name for name, kind in BACKENDS.items() if kind.provable)
_TABLES = re.compile(r"^table .*?^}$", re.DOTALL | re.MULTILINE)


@dataclass(slots=True)
class Firewall:
    """The host, and what was started on it; state and store are in its folder."""

    host: Host
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.host.folder / "state" / "rules"

    @property
    def store(self) -> Path:
        return self.host.folder / "state" / "journal.db"

    def rules(self, name: str, backend: str = "nftables", *ids: int, role: str | None = None) -> Path:
        """A rules file for virtual routers with these ids on eth0."""
        kind = BACKENDS[backend]
        segment = {"name": "eth0", "interfaces": ["eth1"]}
        declared = policy(*(group(id=number) for number in ids or (51,)), segments=(segment,))
        made = plan(declared, next(each for each in kind.roles if role in (None, each)))
        return self.host.write(name, kind.render(made))

    def load_others(self) -> None:
        """Rules of others, in nftables and in iptables."""
        self.host.do("iptables-restore", stdin=OTHERS)
        self.host.do("ip6tables-restore", stdin=OTHERS.replace("192.0.2.100/32", "fe80::100/128"))
        self.host.do(
            "nft", "-f", "-", stdin="table inet mine {\n chain c {\n  type filter hook input priority 0;\n }\n}\n"
        )

    def running(self) -> str:
        """All rules of the host, ours and others', without counters."""
        saved = [self.host.do(f"{tool}-save") for tool in ("iptables", "ip6tables", "ebtables")]
        plain = [line.rpartition(" [")[0] or line for text in saved for line in text.splitlines() if line[:1] != "#"]
        # The order of chains says nothing there; their own tools sort them.
        tables = [
            text
            for text in _TABLES.findall(self.host.do("nft", "-s", "list", "ruleset"))
            if " filter {" not in text[:24]
        ]
        return "\n".join([*tables, *plain])

    def command(self, *arguments: str) -> tuple[str, ...]:
        state = f"STATE_DIRECTORY={self.host.folder / 'state'}"
        return "ip", "netns", "exec", self.host.namespace, "env", state, COMMAND, "rules", *arguments

    def do(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs ``vrrpwatch rules …`` to its end, without a terminal."""
        return subprocess.run(
            self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts ``vrrpwatch rules …`` as the head of its own process group; :attr:`said` is what it says."""
        with self._log.open("w") as log:
            process = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def apply(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts ``apply`` without a question, and waits until the rules are loaded."""
        process = self.start("apply", "--yes", *arguments)
        self.until(lambda: self.waiting or process.poll() is not None, "rules to be loaded")
        assert process.poll() is None, self.said
        return process

    @property
    def said(self) -> str:
        """What the command that was started last has said so far."""
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.host.folder / "apply.log"

    @property
    def waiting(self) -> bool:
        """Whether rules are loaded and wait for their confirmation."""
        return '"loaded": true' in self.written

    @property
    def pending(self) -> bool:
        """Whether there is anything to be rolled back."""
        return '"pending": {' in self.written

    @property
    def written(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.state / "state.json").read_text()
        return ""

    def guardians(self) -> list[int]:
        """The processes that would put the old rules back."""
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
                if b"vrrpwatch.cli.rules_guard" in words and str(self.state).encode() in words:
                    found.append(int(folder.name))
        return found

    def until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, at_most=60, what=what, seen=lambda: self.written)

    def close(self) -> None:
        """Ends what was started and reads it to its end."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)


class Terminal:
    """A person at a terminal who runs ``vrrpwatch rules …``; leaving the ``with`` block hangs up."""

    def __init__(self, firewall: Firewall, *arguments: str) -> None:
        self._person, program = pty.openpty()
        try:
            self.process = subprocess.Popen(
                ("setsid", "--ctty", *firewall.command(*arguments)), stdin=program, stdout=program, stderr=program
            )
        finally:
            os.close(program)
        self.shown = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def until(self, text: str) -> None:
        """Reads on until ``text`` is shown."""
        wait_until(lambda: self._read() and text in self.shown, at_most=60, what=text, seen=lambda: self.shown)

    def type(self, text: str) -> None:
        os.write(self._person, text.encode())

    def ends(self) -> int:
        """Reads to the end, and returns the exit code."""
        wait_until(lambda: not self._read(), at_most=60, what="the end", seen=lambda: self.shown)
        return self.process.wait(timeout=30)

    def hang_up(self) -> None:
        """What a dropped connection does."""
        if self._person >= 0:
            os.close(self._person)
            self._person = -1

    def _read(self) -> bool:
        """Reads what is there; false at the end."""
        while select.select([self._person], [], [], 0)[0]:
            try:
                data = os.read(self._person, 65_536)
            except OSError:
                return False
            self.shown += data.decode()
        return True


def kill_at_random(firewall: Firewall, trials: int) -> None:
    """Kills ``apply`` at moments before, while or after rules are loaded, alone or with its process group.

    The old rules must be back each time.
    """
    for name in ("iptables", "nftables"):
        process = firewall.apply(str(firewall.rules(f"old-{name}", name)))
        assert firewall.do("confirm").returncode == 0
        assert process.wait(timeout=30) == 0
    before = firewall.running()
    for trial in range(trials):
        chance = random.Random(trial)
        rules = firewall.rules("new", PROVABLE[trial % len(PROVABLE)], 60, 61)
        process = firewall.start("apply", "--yes", "--confirm-within", "1s", str(rules))
        wait_until(lambda: firewall.pending, at_most=60, what="the state", every=0.001)
        wait_until(_passed(chance.uniform(0, 0.5)), at_most=5, what="the moment", every=0.001)
        chance.choice((os.kill, os.killpg))(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        if not firewall.waiting and not firewall.guardians():
            # It was killed before it had a guardian, and so before any rule was changed.
            assert firewall.running() == before
            firewall.do("status")
        firewall.until(lambda: not firewall.pending and not firewall.guardians(), "the rollback")
        assert firewall.running() == before, f"trial {trial}"


def _passed(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed since now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until
