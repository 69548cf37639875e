"""Announcements wait for addresses that the kernel is still busy with, and not for ever."""

from dataclasses import dataclass, field

import pytest

from vrrpwatch.agent.announcer import PATIENCE, Announcer
from vrrpwatch.core.machine.settings import Advert, VrrpAdvert
from vrrpwatch.core.model import Instant


@dataclass
class Host:
    """The wire, the clock, and the kernel with the addresses of the routers that it has told of."""

    now: Instant = 0
    placed: set[str] = field(default_factory=set)
    said: list[tuple[str, str]] = field(default_factory=list)

    def join(self, router: str) -> None:
        self.said.append(("join", router))

    def leave(self, router: str) -> None:
        self.said.append(("leave", router))

    def send(self, router: str, advert: Advert) -> None:
        self.said.append((str(advert), router))

    def announce(self, router: str) -> None:
        self.said.append(("announce", router))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def announcer(host: Host) -> Announcer:
    made: Announcer = Announcer(host, host.placed.__contains__, lambda name: made.announce(name), lambda: host.now)
    return made


def test_what_is_in_place_is_announced_at_once(host: Host, announcer: Announcer) -> None:
    host.placed.add("web")
    announcer.announce("web")
    assert host.said == [("announce", "web")]


def test_an_announcement_waits_for_the_kernels_word_and_is_made_once(host: Host, announcer: Announcer) -> None:
    announcer.announce("web")
    announcer.announce("web")
    announcer.heard()
    assert host.said == []
    host.placed.add("web")
    announcer.heard()
    announcer.heard()
    assert host.said == [("announce", "web")]


def test_a_word_that_does_not_come_is_not_waited_for_beyond_the_next_of_a_burst(
    host: Host, announcer: Announcer
) -> None:
    announcer.announce("web")
    host.now = PATIENCE - 1
    announcer.announce("web")
    assert host.said == []
    host.now = PATIENCE
    announcer.announce("web")
    assert host.said == [("announce", "web")]
    host.placed.add("web")
    announcer.heard()
    assert host.said == [("announce", "web")]


def test_everything_else_goes_straight_through(host: Host, announcer: Announcer) -> None:
    advert = VrrpAdvert(100, 1.0)
    announcer.join("web")
    announcer.send("web", advert)
    announcer.announce("web")
    announcer.leave("web")
    host.placed.add("web")
    announcer.heard()
    assert host.said == [("join", "web"), (str(advert), "web"), ("leave", "web")]
