"""The dashboard over a link in a namespace, on a real terminal: what it says when the link goes down or away."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.dashboard.terminal import Terminal
from tests.lab.live import Routers, wire
from tests.lab.network import missing, run

COMMAND = str(Path(sys.executable).with_name("vrrpwatch"))


class Live(Terminal):
    """A program in a namespace."""

    command = ("ip", "netns", "exec")


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.parametrize("interface", ["eth0", "any"])
def test_a_link_that_goes_down_is_told_of_at_once_and_until_it_is_up(interface: str) -> None:
    with wire("eth0") as made, made.sender("eth0") as sender, closing(Routers({"eth0": sender})):
        terminal = Live(made.near, COMMAND, "live", "-i", interface, TERM="xterm-256color")
        try:
            terminal.until("✔ held")
            run("ip", "-n", made.near, "link", "set", "eth0", "down")
            terminal.until("eth0: is down; it is watched as soon as it is up")
            terminal.until("? not heard")
            terminal.output = b""
            run("ip", "-n", made.near, "link", "set", "eth0", "up")
            terminal.until("✔ held")
            terminal.output = b""
            made.unplug("eth0")
            terminal.until("eth0: has gone")
            terminal.until("? not heard")
            terminal.type(b"q")
            assert terminal.code() == 0
        finally:
            terminal.close()
