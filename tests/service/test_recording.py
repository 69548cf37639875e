"""Recordings that play: what is to be seen at a moment is what an analysis up to that moment finds."""

from pathlib import Path
from threading import Event, Thread

import pytest

from tests.capture.captures import START, beats, complete, pcapng, write
from vrrpwatch.capture.naming import Names
from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.service.recording import BEAT, REST, Recording


def engine_options(names: Names, losses: tuple[Loss, ...]) -> EngineOptions:
    return EngineOptions(names.interface, losses=losses)


def recorded(*paths: Path) -> tuple[Recording, Analysis]:
    texts = [str(path) for path in paths]
    whole = analyse(texts, Options()).analysis
    return Recording(texts, whole, engine_options, clock=lambda: 0.0), whole


def to(recording: Recording, seconds: float) -> None:
    """Goes there, and hears all up to it."""
    recording.seek(recording.first + int(seconds * NANOSECONDS))
    while recording.move(0.0):
        pass


@pytest.fixture
def captures(root: Path) -> Path:
    return root / "captures"


def test_at_its_end_all_is_seen_that_an_analysis_finds(captures: Path) -> None:
    recording, whole = recorded(captures / "keepalived-crash.pcap")
    to(recording, 1e6)
    view = recording.view
    assert (view.now, view.totals) == (recording.last, whole.totals)
    assert list(view.events()) == list(whole.events)
    assert [(finding.id, finding.count) for finding in view.findings()] == [
        (finding.id, finding.count) for finding in whole.findings
    ]
    assert [row.key for row in view.rows()] == [group.key for group in whole.groups]
    recording.close()


def test_seeking_back_shows_what_was_then_and_forwards_what_came(captures: Path) -> None:
    recording, whole = recorded(captures / "keepalived-crash.pcap")
    change = next(event for event in whole.events if event.kind == "master-changed")
    to(recording, 1e6)
    before = (change.at - recording.first) / NANOSECONDS - 0.1
    for seconds, master in ((before, change.old), (before + 0.2, change.new), (before, change.old)):
        to(recording, seconds)
        assert recording.position == recording.first + int(seconds * NANOSECONDS)
        shown = [row.master for row in recording.view.rows() if row.key == change.group]
        # A takeover is certain only once the old master's time is over.
        assert shown == [master] or (master == change.new and shown == [change.old])
        assert all(event.at <= recording.position for event in recording.view.events())
    recording.close()


def test_every_moment_can_be_looked_at(captures: Path) -> None:
    recording, _ = recorded(captures / "split-brain.pcap")
    packets = []
    for tenths in range(0, 150, 3):
        to(recording, tenths / 10)
        view = recording.view
        packets.append(sum(info.packets for info in view.multicast()))
        # What goes to a destination may be counted before the second that it belongs to is.
        assert all(sum(count for count, _ in info.series) <= info.packets for info in view.multicast())
        for row in view.rows():
            assert view.group(row.key) is not None
    assert packets == sorted(packets)
    recording.close()


def test_it_plays_on_to_where_it_says_that_it_ends(tmp_path: Path) -> None:
    recording, whole = recorded(Path(write(tmp_path, "eth0.pcapng", complete(pcapng(beats(10)), 20.0))))
    assert recording.last == START + 20 * NANOSECONDS
    for seconds, kinds in ((12.9, ["master-appeared"]), (1e6, ["master-appeared", "master-lost"])):
        to(recording, seconds)
        assert [event.kind for event in recording.view.events()] == kinds
    assert list(recording.view.events()) == list(whole.events)
    recording.close()


def test_time_goes_as_fast_as_it_is_told_to(captures: Path) -> None:
    recording, _ = recorded(captures / "keepalived-crash.pcap")
    recording.move(1.5)
    assert recording.position <= recording.first + 1_500_000_000
    recording.set_speed(1e9)
    assert recording.speed == 10_000
    recording.set_speed(0)
    assert recording.speed == 1 / 16
    recording.pause()
    paused = recording.playing
    recording.play()
    assert (paused, recording.playing) == (False, True)
    to(recording, 1e6)
    # It stops at the end, and to play it then begins anew.
    assert not recording.playing
    recording.play()
    recording.move(0.0)
    assert (recording.playing, recording.position) == (True, recording.first)
    recording.close()


def test_several_captures_play_as_one(captures: Path) -> None:
    paths = sorted(captures.glob("keepalived-*.pcap"))[:3]
    recording, whole = recorded(*paths)
    to(recording, 1e9)
    assert recording.view.totals == whole.totals
    assert [(finding.id, finding.count) for finding in recording.view.findings()] == [
        (finding.id, finding.count) for finding in whole.findings
    ]
    recording.close()


def test_it_plays_by_itself_until_it_is_closed(captures: Path) -> None:
    ticks = iter(range(1_000_000))
    path = str(captures / "keepalived-crash.pcap")
    whole = analyse([path], Options()).analysis
    recording = Recording([path], whole, engine_options, speed=100.0, clock=lambda: float(next(ticks)))
    closing = Event()
    thread = Thread(target=recording.run, args=(closing,))
    thread.start()
    while recording.position < recording.last:
        closing.wait(0.01)
    closing.set()
    thread.join()
    recording.close()
    assert recording.view.totals == whole.totals


def test_who_looks_gets_a_turn_while_much_is_heard(captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.service.recording.STRETCH", 1.0)
    path = str(captures / "keepalived-crash.pcap")
    # Each look at the clock finds that a second has passed.
    recording = Recording(
        [path], analyse([path], Options()).analysis, engine_options, speed=1e4, clock=iter(range(1_000_000)).__next__
    )
    waits: list[float | None] = []

    class Closing(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            if timeout == BEAT:
                self.set()
            return True

    recording.run(Closing())
    recording.close()
    assert set(waits) == {REST, BEAT}
