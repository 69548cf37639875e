"""Interfaces that come, go, fall silent or change their names while they are watched."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.capture.live_listening import ADVERT, KINDS, heard, in_the_lab, lan, listening
from tests.lab.live import Wire, send
from tests.lab.network import run
from vrrpwatch.capture import live
from vrrpwatch.capture.interfaces import Changes

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
        return len(told) == 3

    got = heard(sniffer, act)
    after = time.time_ns() + slept[0]
    assert told[2:] == ["the clock went 3600 s further than time did: nothing was watched then"]
    assert (sniffer.drops, sniffer.interruptions) == (0, 2)
    losses = [loss for batch in got.batches for loss in batch.losses]
    # Nobody can know how many packets passed, and what is not known is not counted.
    assert [(loss.interface, loss.count, loss.unheard) for loss in losses] == [(0, 0, True), (1, 0, True)]
    assert got.read.dropped == (0, 0)
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
    gone, back = (loss for batch in got.batches for loss in batch.losses)
    assert [(loss.interface, loss.count, loss.unheard) for loss in (gone, back)] == [(0, 0, True)] * 2
    # The second goes on to the end.
    assert gone.first < gone.last == back.first < back.last
    assert (sniffer.drops, sniffer.interruptions) == (0, 1)


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
    # Whether it is looked at while it is down is chance.
    assert [line for line in told if "down" not in line and "watched" not in line] == ["eth0: is called wan0 now"]
    # Nothing is heard under the old name any more, so silence there proves nothing.
    assert {loss.interface for batch in got.batches for loss in batch.losses} == {got.names.index("eth0")}


@pytest.mark.parametrize("way", ["down", "unplug"])
def test_on_any_each_interface_is_excused_for_itself(lan: Wire, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Three are heard, two of them with a master; the kernel itself says at once that a link has changed."""
    monkeypatch.setattr(live, "FOLLOW", 3600 * live.SECOND)
    for name in ("eth1", "eth2"):
        lan.plug(name)
    told: list[str] = []
    sniffer = listening(["any"], told=told.append)
    sent: list[str] = []

    def act(count: int) -> bool:
        if not sent:
            for name, frame in (("eth0", ADVERT), ("eth1", ADVERT), ("eth2", KINDS[4])):
                with lan.sender(name) as sender:
                    send(sender, [frame])
            sent.append("all")
        elif count == 3 and len(sent) == 1:
            for name in ("eth2", "eth1"):
                if way == "down":
                    run("ip", "-n", lan.near, "link", "set", name, "down")
                else:
                    lan.unplug(name)
            sent.append(way)
        elif told and len(sent) == 2:
            if way == "unplug":
                return True
            for name in ("eth2", "eth1"):
                run("ip", "-n", lan.near, "link", "set", name, "up")
            sent.append("up")
        return told[1:] == ["eth1: is watched"]

    got = heard(sniffer, act)
    assert told[0] == ("eth1: is down; it is watched as soon as it is up" if way == "down" else "eth1: has gone")
    losses = [loss for batch in got.batches for loss in batch.losses]
    outage = ("eth1", 0, True)
    assert [(got.names[loss.interface], loss.count, loss.unheard) for loss in losses] == (
        [outage, outage] if way == "down" else [outage]
    )
    assert (sniffer.drops, sniffer.interruptions) == (0, 1)


def test_where_the_kernel_tells_nothing_it_is_looked_each_second(lan: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Changes:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(live, "Changes", refused)
    told: list[str] = []
    sniffer = listening(["any"], told=told.append)
    assert told == [
        "the kernel tells of no changed interface (Operation not permitted): they are looked at each second"
    ]

    def act(count: int) -> bool:
        if count == 0:
            with lan.sender("eth0") as sender:
                send(sender, [ADVERT])
        else:
            run("ip", "-n", lan.near, "link", "set", "eth0", "down")
        return len(told) == 2

    heard(sniffer, act)
    assert told[1] == "eth0: is down; it is watched as soon as it is up"


def test_changes_are_known_however_many_there_were(lan: Wire) -> None:
    changes = Changes()
    assert not changes.pending()
    changes._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for number in range(20):
        run("ip", "-n", lan.near, "link", "set", "eth0", "mtu", str(1400 + number))
    assert changes.pending()
    assert not changes.pending()
    changes.close()


def test_links_that_flap_do_not_keep_it_busy(lan: Wire) -> None:
    sniffer = listening(["any"], interval=3600.0)
    stopped = threading.Event()

    def change(number: int) -> None:
        run("ip", "-n", lan.near, "link", "set", "eth0", "mtu", str(1400 + number))

    def stop() -> None:
        stopped.set()
        sniffer.stop()

    # What the stream begins with is there without waiting.
    sniffer.readinto(memoryview(bytearray(4096)))
    for number in range(live.MAX_WAKES):
        change(number)
        # Without a change it would wait for an hour.
        sniffer.ready()
    change(live.MAX_WAKES)
    later = threading.Timer(0.3, stop)
    later.start()
    sniffer.ready()
    assert stopped.is_set()
    later.join()
    sniffer.close()


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
