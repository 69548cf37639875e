"""Interfaces that come, go, fall silent or change their names while they are watched."""

import time
from collections.abc import Iterator

from tests.capture.live_listening import ADVERT, KINDS, heard, in_the_lab, lan, listening
from tests.lab.live import Wire, send
from tests.lab.network import run

__all__ = ["lan"]

pytestmark = in_the_lab


def test_time_that_was_not_watched_is_a_loss(lan: Wire) -> None:
    lan.plug("eth1")
    told: list[str] = []
    slept = [0]
    sniffer = listening(["eth0", "eth1"], told=told.append, clock=lambda: time.time_ns() + slept[0])
    before = time.time_ns()

    def act(_: int) -> bool:
        slept[0] = 3600 * 10**9
        return sniffer.drops > 0

    got = heard(sniffer, act)
    after = time.time_ns() + slept[0]
    assert told[2:] == ["the clock went 3600 s further than time did: nothing was watched then"]
    losses = [loss for batch in got.batches for loss in batch.losses]
    assert [(loss.interface, loss.count) for loss in losses] == [(0, 1), (1, 1)]
    assert all(before <= loss.first < before + 10**10 < loss.last <= after for loss in losses)


def test_an_interface_that_goes_and_comes_is_followed(lan: Wire) -> None:
    told: list[str] = []
    opened: list[str] = []
    sniffer = listening(["eth0"], told=told.append, opened=lambda name, _: opened.append(name))
    steps: Iterator[str] = iter(("send", "unplug", "plug", "send again", "end"))
    waiting = ["eth0: is watched"]
    step = next(steps)

    def act(count: int) -> bool:
        """Does one step after the other, each when the one before it has shown."""
        nonlocal step
        if told[-1:] != waiting[-1:]:
            return False
        if step == "send":
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
        elif step == "unplug" and count == 1:
            lan.unplug("eth0")
            waiting.append("eth0: has gone; it is waited for")
        elif step == "plug":
            lan.plug("eth0")
            waiting.append("eth0: is watched")
        elif step == "send again":
            with lan.sender("eth0") as sender:
                send(sender, [KINDS[6]])
        elif step == "end":
            return count == 2
        else:
            return False
        step = next(steps)
        return False

    got = heard(sniffer, act)
    assert got.contents == [ADVERT, KINDS[6]]
    assert got.names == ["eth0"]
    assert told == waiting
    assert opened == ["eth0", "eth0"]
    assert [(loss.interface, loss.count) for batch in got.batches for loss in batch.losses] == [(0, 1)]


def test_a_missing_interface_is_waited_for(lan: Wire) -> None:
    told: list[str] = []
    sniffer = listening(["eth7"], told=told.append)
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            lan.plug("eth7")
            sent.append("plugged")
        elif told[-1] == "eth7: is watched" and len(sent) == 1:
            sent.append("sent")
            with lan.sender("eth7") as sender:
                send(sender, [ADVERT])
        return count == 1

    assert heard(sniffer, act).contents == [ADVERT]
    assert told == ["eth7: there is no such interface; it is waited for", "eth7: is watched"]


def test_a_renamed_interface_keeps_its_name_here(lan: Wire) -> None:
    told: list[str] = []
    sniffer = listening(["eth0"], told=told.append)
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            run("ip", "-n", lan.near, "link", "set", "eth0", "down")
            lan.rename("eth0", "wan0")
            run("ip", "-n", lan.near, "link", "set", "wan0", "up")
            sent.append("renamed")
        elif "wan0" in told[-1] and len(sent) == 1:
            sent.append("sent")
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
        return count == 1

    got = heard(sniffer, act)
    assert (got.contents, got.names) == ([ADVERT], ["eth0"])
    assert told[-1] == "eth0: is called wan0 now; it is watched on as eth0"


def test_any_follows_names(lan: Wire) -> None:
    told: list[str] = []
    sniffer = listening(["any"], told=told.append)
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
            sent.append("before")
        elif count == 1 and len(sent) == 1:
            run("ip", "-n", lan.near, "link", "set", "eth0", "down")
            lan.rename("eth0", "wan0")
            run("ip", "-n", lan.near, "link", "set", "wan0", "up")
            sent.append("renamed")
        elif told and len(sent) == 2:
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
            sent.append("after")
        return count == 2

    got = heard(sniffer, act)
    assert got.interfaces == ["eth0", "wan0"]
    assert told == ["eth0: is called wan0 now"]


def test_a_link_that_is_down_is_told_and_watched_again(lan: Wire) -> None:
    told: list[str] = []
    sniffer = listening(["eth0"], told=told.append)
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            run("ip", "-n", lan.near, "link", "set", "eth0", "down")
            sent.append("down")
        elif "down" in told[-1] and len(sent) == 1:
            run("ip", "-n", lan.near, "link", "set", "eth0", "up")
            sent.append("up")
        elif told[-1] == "eth0: is watched" and len(sent) == 2:
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
            sent.append("sent")
        return count == 1

    got = heard(sniffer, act)
    assert got.contents == [ADVERT]
    assert told == ["eth0: is watched", "eth0: is down; it is watched as soon as it is up", "eth0: is watched"]
    # Silence while nothing can be heard proves nothing, and once is enough to say so.
    assert [(loss.interface, loss.count) for batch in got.batches for loss in batch.losses] == [(0, 1)]


def test_a_clock_that_is_set_back_holds_nothing_up(lan: Wire) -> None:
    lan.plug("eth1")
    set_back = [0]
    sniffer = listening(["eth0", "eth1"], clock=lambda: time.time_ns() - set_back[0])
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT] * 3)
            sent.append("before")
        elif count == 3 and len(sent) == 1:
            set_back[0] = 3600 * 10**9
            with lan.sender("eth0") as sender:
                send(sender, [KINDS[6]] * 3)
            sent.append("after")
        return count == 6

    assert heard(sniffer, act).contents == [ADVERT] * 3 + [KINDS[6]] * 3
