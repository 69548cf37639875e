"""What a live run cannot hear, on a clock of its own: lines that hold, lines that pass, interfaces that come again."""

import numpy as np

from vrrpwatch.core.frames import FLOWS, FRAME, SECONDS, Batch, Interface, Loss
from vrrpwatch.core.model import NANOSECONDS, GroupKey
from vrrpwatch.core.notice import Notice
from vrrpwatch.service.outages import MAX_TOLD, Outages

# 1970-01-01 00:01:40 UTC.
START = 100 * NANOSECONDS
NAMES = ("eth0", "eth1")
KEY = GroupKey("eth0/10", "vrrp", 4, 51, "224.0.0.18")


class Play:
    """A run that named ``interfaces``; instants are seconds after the start."""

    def __init__(self, *interfaces: str) -> None:
        self.now = 0.0
        self.outages = Outages(interfaces, lambda: self._instant(self.now))

    def at(self, seconds: float) -> "Play":
        self.now = seconds
        return self

    def tell(self, line: str) -> "Play":
        self.outages.tell(line)
        return self

    def capture(
        self, *losses: tuple[int, bool], heard: tuple[int, float] | None = None, written: float | None = None
    ) -> "Play":
        """A batch by now: of interfaces that could not be heard, whether that goes on; who was heard, and when.

        The losses were ``written`` down then, or just now.
        """
        frames = np.zeros(1 if heard else 0, FRAME)
        if heard:
            frames["interface"], frames["at"] = heard[0], self._instant(heard[1])
        now = self._instant(self.now if written is None else written)
        told = tuple(Loss(0, number, now - NANOSECONDS, now, 0, True, goes_on) for number, goes_on in losses)
        interfaces = tuple(Interface(name, 1) for name in NAMES)
        rest = np.zeros(0, np.uint8), np.zeros(0, FLOWS), np.zeros(0, SECONDS)
        batch = Batch(0, interfaces, len(frames), 0, 0, 0, None, None, frames, *rest, {}, losses=told)
        self.outages.feed(batch, NAMES.__getitem__)
        return self

    @property
    def lines(self) -> list[str]:
        return [line.text for line in self.outages.silences().told]

    def heard(self) -> bool:
        return not self.outages.silences().cover(KEY)

    @staticmethod
    def _instant(seconds: float) -> int:
        return START + round(seconds * NANOSECONDS)


def test_an_interface_that_is_down_is_not_heard_until_it_is_up() -> None:
    play = Play("eth0").tell(Notice("eth0: is watched"))
    assert play.lines == []
    assert play.heard()
    play.at(5).tell("eth0: is down; it is watched as soon as it is up").capture((0, True))
    assert play.at(3600).lines == ["00:01:45Z eth0: is down; it is watched as soon as it is up"]
    assert not play.heard()
    play.tell(Notice("eth0: is watched"))
    assert play.heard()
    assert play.capture((0, False)).lines == []


def test_an_interface_that_goes_before_its_return_was_told_of_is_not_heard() -> None:
    play = Play("eth0").at(5).tell("eth0: is down; it is watched as soon as it is up").capture((0, True))
    assert play.at(6).capture(heard=(0, 5.9)).heard()
    assert not play.tell("eth0: has gone; it is waited for").heard()
    assert play.at(900).lines == ["00:01:46Z eth0: has gone; it is waited for"]


def test_news_of_a_return_that_come_after_it_has_gone_again_change_nothing() -> None:
    play = Play("eth0").at(5).tell("eth0: is down; it is watched as soon as it is up").capture((0, True))
    play.at(6).tell(Notice("eth0: is watched")).at(6.5).tell("eth0: has gone; it is waited for")
    play.capture((0, False), written=6.2)
    assert not play.heard()
    assert play.lines == ["00:01:46Z eth0: has gone; it is waited for"]
    assert play.at(7).capture((0, False)).heard()


def test_of_all_interfaces_one_that_comes_again_is_heard_with_its_first_frame() -> None:
    play = Play("any").at(5).tell("eth0: has gone").capture((0, True))
    # What was on its way before is no sign of life, nor is another interface's.
    play.at(6).capture(heard=(0, 4.9)).capture(heard=(1, 6))
    assert not play.heard()
    assert play.at(900).lines == ["00:01:45Z eth0: has gone"]
    assert play.capture(heard=(0, 899)).heard()
    assert play.lines == []


def test_a_name_that_nobody_has_any_more_is_not_heard() -> None:
    play = Play("any").tell(Notice("eth0: is called up0 now"))
    assert play.lines == []
    play.capture((0, True))
    assert play.at(900).lines == ["00:01:40Z eth0: is called up0 now"]
    assert not play.heard()


def test_a_silence_without_words_is_told_of_and_time_that_is_past_is_none() -> None:
    play = Play("any").capture((0, False))
    assert play.heard()
    assert play.at(7).capture((0, True), (1, True)).lines == [
        "00:01:47Z eth1: is not heard any more",
        "00:01:47Z eth0: is not heard any more",
    ]


def test_an_interface_that_is_waited_for_is_told_of_for_as_long_and_what_happened_for_a_minute() -> None:
    play = Play("eth0").tell("eth0: there is no such interface; it is waited for")
    play.at(10).tell("the clock went 30 s further than time did: nothing was watched then")
    assert len(play.at(69).lines) == 2
    assert play.at(70).lines == ["00:01:40Z eth0: there is no such interface; it is waited for"]
    assert not play.heard()


def test_lines_are_bounded() -> None:
    play = Play("any")
    for number in range(2 * MAX_TOLD):
        play.tell(f"veth{number}: has gone")
    assert set(play.lines) == {f"00:01:40Z veth{number}: has gone" for number in range(MAX_TOLD, 2 * MAX_TOLD)}
