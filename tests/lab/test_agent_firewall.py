"""A download through two stateful firewalls, of which the one that serves it loses its power."""

import pytest

from tests.lab import agents
from tests.lab.firewalls import Firewalls
from tests.lab.guide import Guide, shell
from tests.lab.network import Lab, missing
from tests.lab.waiting import LabError, wait_until

_WHY = missing("conntrackd")
pytestmark = pytest.mark.skipif(_WHY is not None, reason=str(_WHY))


def _crash(made: Firewalls) -> None:
    made.hosts["fw1"].power_off()
    for card in ("eth1", "eth2"):
        made.hosts["fw1"].ip("link", "set", card, "down")
    for name in ("inside", "outside"):
        agents.await_state(made.hosts["fw2"], "master", name)


def test_a_download_goes_on_when_the_firewall_crashes() -> None:
    with Lab() as lab:
        guide = Guide("guide-haproxy.md")
        made = Firewalls(lab, guide, told=True)
        download = made.fetch("download")
        made.await_copy("fw2")
        _crash(made)
        download.await_more()
        assert made.served() == []
        made.finish()
        ended = download.await_end()
        wait_until(lambda: bool(made.served()), at_most=10, what="the server's word")
        assert ended["ended"] == "finished"
        assert made.served() == [{"sent": ended["got"], "ended": "finished"}]
        _ask_as_another_user(made, guide)
        status = agents.try_status(made.hosts["fw2"])
        assert status is not None
        assert [(one["name"], one["follows"], one["good"]) for one in status["companions"]] == [
            ("conntrackd", "edge", True)
        ]


def _ask_as_another_user(made: Firewalls, guide: Guide) -> None:
    """The drop-in for conntrackd's unit lets a member of the agent's group ask, which nobody can without it."""
    host = made.hosts["fw2"]
    made.lab.folder.chmod(0o755)
    ask = f"setpriv --reuid nobody --regid nogroup --clear-groups conntrackd -C {made.config(host)} -s"
    with pytest.raises(LabError, match="appropriate permissions"):
        shell(host, ask)
    for line in guide.files["/etc/systemd/system/conntrackd.service.d/agent.conf"].splitlines():
        if line.startswith("ExecStartPost="):
            shell(host, line.partition("=")[2].replace("vrrpwatch-agent", "nogroup"))
    assert "current active connections" in shell(host, ask)


def test_it_breaks_where_nobody_tells_conntrackd() -> None:
    with Lab() as lab:
        made = Firewalls(lab, Guide("guide-haproxy.md"), told=False)
        download = made.fetch("download")
        made.await_copy("fw2")
        _crash(made)
        # What fw2 does not know is not translated: it answers the server itself, that there is no such connection.
        wait_until(lambda: bool(made.served()), at_most=30, what="the server's connection to end")
        assert [one["ended"] for one in made.served()] == ["Connection reset by peer"]
        assert download.seen()["ended"] == ""
        made.fetch("another")
