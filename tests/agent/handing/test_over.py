"""What is asked of nft at a change of masters, in which order, and what happens where it fails; nft is played."""

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

import pytest

from vrrpwatch.agent.handing import over
from vrrpwatch.agent.handing.over import Handover, Place
from vrrpwatch.agent.handing.rules import Served
from vrrpwatch.agent.launcher import Ending, Program
from vrrpwatch.agent.ports import Attachment

OTHER = ip_address("192.0.2.12")
_CARD = Attachment("eth0", 2, "eth0", 2, "02:00:00:00:00:01", ip_address("192.0.2.11"))
PLACE = Place(4, 51, _CARD, (Served(ip_address("192.0.2.100"), "eth0"),))


class Scene:
    """A router's handover, the words that nft gets, and the addresses that are released."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.released: list[str] = []
        self.told: list[str] = []
        self.fails = False
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.handover = Handover(self, self.run, 0.05, self.told.append)
        self.handover.place("web", PLACE)

    async def run(self, program: Program) -> Ending:
        await self.goes_on.wait()
        self.texts.append(program.command[1])
        return Ending(1, "exit status 1", "Error: no such thing") if self.fails else Ending(0)

    def acquire(self, router: str) -> None:
        raise AssertionError(router)

    def release(self, router: str) -> None:
        self.released.append(router)


@pytest.fixture(autouse=True)
def _nothing_is_left_and_there_is_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over, "left_tables", dict)
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/usr/sbin/nft")


def played(play: Callable[[Scene], Coroutine[Any, Any, None]]) -> Scene:
    async def whole() -> Scene:
        scene = Scene()
        await play(scene)
        await scene.handover.close()
        return scene

    return asyncio.run(whole())


def test_who_advertises_can_have_one_table_made_at_a_time_however_often_he_asks() -> None:
    async def play(scene: Scene) -> None:
        scene.goes_on.clear()
        for number in range(1000):
            scene.handover.guide("web", ip_address(0xC0000300 + number))
            await asyncio.sleep(0)
        scene.goes_on.set()

    scene = played(play)
    # The first, which nft was at work on, what was wanted last, and the end of it; its text may be replaced by that.
    assert 2 <= len(scene.texts) <= 3
    assert "dup to 192.0.3.0 " in scene.texts[0]
    assert scene.texts[-1] == "".join(
        f"table {family} vrrpwatch-guide-4-51-2\ndelete table {family} vrrpwatch-guide-4-51-2\n"
        for family in ("ip", "ip6")
    )


def test_who_lingers_guides_nobody() -> None:
    async def play(scene: Scene) -> None:
        scene.handover.guide("web", OTHER)
        scene.handover.relieved("web")
        scene.handover.linger("web")
        scene.handover.guide("web", OTHER)
        assert scene.handover.lingers("web")

    scene = played(play)
    # Its own guide ends as it begins to linger, and the other host's adverts bring it no new one meanwhile.
    assert not any("dup to" in text for text in scene.texts)
    assert scene.released == ["web"]


def test_the_end_waits_for_connections_that_were_handed_back_here() -> None:
    async def play(scene: Scene) -> None:
        scene.handover.linger("web")
        assert scene.released == []

    scene = played(play)
    assert scene.released == ["web"]
    assert ["arp saddr" in text for text in scene.texts] == [True, False]


def test_without_silence_nobody_lingers() -> None:
    async def play(scene: Scene) -> None:
        scene.fails = True
        scene.handover.linger("web")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert scene.released == ["web"], "two hosts would answer for its address"

    scene = played(play)
    assert scene.released == ["web"]
    assert scene.told == ["no handover of connections: nft: Error: no such thing"]


def test_another_place_ends_what_was_at_the_old_one() -> None:
    async def play(scene: Scene) -> None:
        scene.handover.guide("web", OTHER)
        await asyncio.sleep(0)
        scene.handover.place("web", PLACE._replace(attachment=_CARD._replace(index=7, device_index=7)))

    scene = played(play)
    assert scene.texts[-1].count("delete table") == 2
    assert "vrrpwatch-guide-4-51-2" in scene.texts[-1]


def test_what_a_killed_agent_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over, "left_tables", lambda: {"vrrpwatch-quiet-4-51-2": ("arp",)})

    async def play(_: Scene) -> None:
        await asyncio.sleep(0)

    scene = played(play)
    assert scene.texts == ["table arp vrrpwatch-quiet-4-51-2\ndelete table arp vrrpwatch-quiet-4-51-2\n"]
