"""Whole sessions over captures on disk: many files as one stream, losses, damage, pipes, names and progress."""

import bz2
import gzip
import io
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.capture.captures import (
    OTHER_ROUTER,
    START,
    Sent,
    beats,
    complete,
    outcome,
    pcap,
    pcapng,
    segments,
    write,
)
from tests.capture.files import enhanced, interface, option, pcap_header, section, statistics
from vrrpwatch.capture import session
from vrrpwatch.capture.errors import CaptureError, DamagedError
from vrrpwatch.capture.session import Options, Outcome, analyse, decode
from vrrpwatch.capture.sources import distinct, first_instant, reads_once, total_size
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import Engine
from vrrpwatch.core.frames import Batch
from vrrpwatch.core.model import GroupKey


def anywhere(analysis: Analysis) -> Analysis:
    """The analysis without what tells files apart: sources and the packets' places in them."""
    return analysis._replace(
        sources=(),
        events=tuple(event._replace(source=0, packet=0) for event in analysis.events),
        findings=tuple(replace(finding, evidence=()) for finding in analysis.findings),
    )


# A master crashes after 20 s; the backup takes over at its time, and its first file ends in the middle.
FAILOVER = [*beats(20), *beats(30, 22.6, OTHER_ROUTER)]
PIECES = (FAILOVER[:7], FAILOVER[7:25], FAILOVER[25:])
ROTATIONS = {
    "tcpdump -C": ("cap.pcap", "cap.pcap1", "cap.pcap2"),
    "tcpdump -G": ("cap-20260101-120000.pcap", "cap-20260102-120000.pcap", "cap-20270102-130000.pcap"),
    "dumpcap": ("cap_00001_20260101120000.pcap", "cap_00002_20260101130000.pcap", "cap_00003_20260102130000.pcap"),
    "compressed": ("cap1.pcap.gz", "cap2.pcap.bz2", "cap3.pcap"),
    "folders": ("mon/cap.pcap", "tue/cap.pcap", "wed/cap.pcap"),
}


def packed(name: str, content: bytes) -> bytes:
    return gzip.compress(content) if name.endswith(".gz") else bz2.compress(content) if ".bz2" in name else content


@pytest.mark.parametrize("names", ROTATIONS.values(), ids=ROTATIONS.keys())
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_a_rotation_in_any_order_is_the_uncut_file(
    tmp_path: Path, names: tuple[str, ...], order: tuple[int, ...]
) -> None:
    paths = [write(tmp_path, name, packed(name, pcap(piece))) for name, piece in zip(names, PIECES, strict=True)]
    whole = outcome(write(tmp_path, "whole/cap.pcap", pcap(FAILOVER))).analysis
    found = outcome(*(paths[position] for position in order))
    assert anywhere(found.analysis) == anywhere(whole)
    assert [event.kind for event in found.analysis.events] == ["master-appeared", "master-changed"]
    assert [source.packets for source in found.analysis.sources] == [len(PIECES[position]) for position in order]


def test_evidence_names_the_file_it_is_in(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"cap{number}.pcap", pcap(piece)) for number, piece in enumerate(PIECES)]
    (_, change) = outcome(*paths).analysis.events
    # The backup's first is the 21st of all: the 14th of the second file.
    assert (change.source, change.packet) == (1, 14)


def test_files_that_overlap_are_interfaces_of_their_own(tmp_path: Path) -> None:
    one = write(tmp_path, "eth1.pcap", pcap(beats(10)))
    two = write(tmp_path, "eth2.pcap", pcap(beats(10, 5.5, OTHER_ROUTER)))
    found = outcome(one, two).analysis
    assert [group.key for group in found.groups] == [
        GroupKey("eth1", "vrrp", 4, 51, "224.0.0.18"),
        GroupKey("eth2", "vrrp", 4, 51, "224.0.0.18"),
    ]
    assert [source.interfaces[0].name for source in found.sources] == ["eth1", "eth2"]


def test_the_rotations_of_two_interfaces_are_kept_apart(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, f"eth{link}-{part}.pcap", pcap(beats(10, part * 10.0 + link / 4, bytes((10, 0, link, 1)))))
        for part in (1, 2)
        for link in (0, 1)
    ]
    assert segments(outcome(*paths)) == ["eth0", "eth1"]
    assert segments(outcome(*paths[::-1])) == ["eth0", "eth1"]


def test_captures_of_one_name_from_two_hosts_are_kept_apart(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{host}/eth0.pcap", pcap(beats(5, 0.5))) for host in ("alpha", "beta")]
    assert segments(outcome(*paths)) == ["eth0@alpha", "eth0@beta"]


def test_a_capture_given_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, "cap.pcap", pcap(beats(5)))
    link = tmp_path / "other.pcap"
    link.symlink_to(path)
    found = outcome(path, str(link), f"{tmp_path}/./cap.pcap")
    assert found == outcome(path)
    assert distinct(["-", "missing", path, "-", "missing"]) == ("-", "missing", path)


def test_concurrent_captures_are_one_stream_in_time(tmp_path: Path) -> None:
    # The same router on two segments at the same time, read in turn: nobody is ever silent.
    lan = write(tmp_path, "lan.pcap", pcap(beats(50)))
    wan = write(tmp_path, "wan.pcap", pcap(beats(50, 0.5, OTHER_ROUTER)))
    found = outcome(wan, lan).analysis
    assert [(event.group.segment, event.kind, event.at - START) for event in found.events] == [
        ("lan", "master-appeared", 0),
        ("wan", "master-appeared", 500_000_000),
    ]
    assert found.totals.adverts == 100


@pytest.mark.parametrize("share", [2, 3, 5])
def test_one_interface_captured_to_several_files_at_once_is_whole(tmp_path: Path, share: int) -> None:
    # Each file has every so-many-th packet, as captures by several queues of one card do.
    paths = [write(tmp_path, f"queue{n}.pcapng", pcapng(FAILOVER[n::share])) for n in range(share)]
    whole = outcome(write(tmp_path, "whole.pcapng", pcapng(FAILOVER)))
    assert anywhere(outcome(*paths[::-1]).analysis) == anywhere(whole.analysis)
    assert segments(whole) == ["eth0"]


def ends(*captures: bytes, folder: Path, workers: int = 1) -> list[tuple[str, str, float]]:
    """The masters that were lost, by segment, in captures ``eth1.pcapng`` and so on that belong to no rotation."""
    names = ("one", "two", "three")
    paths = [write(folder, f"{name}.pcapng", content) for name, content in zip(names, captures, strict=False)]
    found = outcome(*paths, workers=workers).analysis
    assert all(source.last is not None and source.last < START + 20 * 10**9 for source in found.sources)
    return [
        (event.group.segment, str(event.old), (event.at - START) / 10**9)
        for event in found.events
        if event.kind == "master-lost"
    ]


def test_silence_up_to_where_a_recording_says_that_it_ends_is_known(tmp_path: Path) -> None:
    sent = pcapng(beats(10))
    # The last one is sent at 9 s, and no backup waits for longer than 3 x 1 s + 1 s.
    assert ends(sent, folder=tmp_path) == []
    assert ends(complete(sent, 13.0), folder=tmp_path) == [("eth0", "10.0.0.1", 13.0)]
    assert ends(complete(sent, 12.999), folder=tmp_path) == []
    # What was put behind it counts as well: 9.5 s + 4 s have not passed.
    assert ends(complete(sent, 13.0) + pcapng(beats(1, 9.5)), folder=tmp_path) == []


def test_where_others_say_that_a_capture_ends_packets_may_be_missing(tmp_path: Path) -> None:
    assert ends(complete(pcapng(beats(10)), 60.0, ours=False), folder=tmp_path) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_of_several_captures_the_silence_is_known_that_all_of_them_hold(workers: int, tmp_path: Path) -> None:
    one, two = pcapng(beats(10), b"eth0"), pcapng(beats(11, 0.5, OTHER_ROUTER), b"eth1")
    assert ends(complete(one, 60.0), two, folder=tmp_path, workers=workers) == []
    # 9 s + 4 s have passed, 10.5 s + 4 s have not.
    assert ends(complete(one, 60.0), complete(two, 14.0), folder=tmp_path, workers=workers) == [
        ("eth0", "10.0.0.1", 13.0)
    ]
    assert ends(complete(one, 60.0), complete(two, 20.0), folder=tmp_path, workers=workers) == [
        ("eth0", "10.0.0.1", 13.0),
        ("eth1", "10.0.0.2", 14.5),
    ]


def test_a_rotation_ends_where_its_last_file_does(tmp_path: Path) -> None:
    first = write(tmp_path, "w-000001.pcapng", pcapng(beats(10)))
    second = write(tmp_path, "w-000002.pcapng", complete(pcapng(beats(5, 10.0)), 30.0))
    events = outcome(second, first).analysis.events
    assert [(event.kind, event.at - START) for event in events][1:] == [("master-lost", 18 * 10**9)]


def test_silence_during_a_loss_is_no_lost_master(tmp_path: Path) -> None:
    # Advertisements from 0 to 9 s and 30 to 39 s; only its end tells of 21 packets lost between 8 and 31 s.
    sent = [*beats(10), *beats(10, 30.0)]
    told = outcome(write(tmp_path, "told.pcapng", pcapng(sent, lost=(8, 31, 21)))).analysis
    assert [event.kind for event in told.events] == ["master-appeared"]
    (loss,) = [finding for finding in told.findings if finding.rule == "capture-loss"]
    assert (loss.segment, loss.count) == ("eth0", 21)
    assert told.sources[0].interfaces[0].dropped == 21
    untold = outcome(write(tmp_path, "untold.pcapng", pcapng(sent))).analysis
    assert [event.kind for event in untold.events] == ["master-appeared", "master-lost", "master-appeared"]
    assert untold.sources[0].interfaces[0].dropped is None


def cooked(frame: bytes) -> bytes:
    """A cooked v2 frame of interface 3, to a multicast address (LINKTYPE_LINUX_SLL2)."""
    return bytes.fromhex("0800 0000 00000003 0001 02 06") + frame[6:12] + bytes(2) + frame[14:]


@pytest.mark.parametrize(("name", "segment"), [(b"any", "any#3"), (None, "cooked#3")])
def test_a_cooked_interface_loses_for_all_that_its_frames_crossed(
    tmp_path: Path, name: bytes | None, segment: str
) -> None:
    blocks = section() + interface(276, b"" if name is None else option(2, name))
    for one in [*beats(10), *beats(10, 30.0)]:
        blocks += enhanced(cooked(one.frame), one.instant // 1000)
    for at, dropped in ((8, 0), (31, 21)):
        options = option(5, dropped.to_bytes(8, "little"))
        blocks += statistics(0, START // 1000 + at * 10**6, options)
    found = outcome(write(tmp_path, "cooked.pcapng", blocks)).analysis
    assert [(event.group.segment, event.kind) for event in found.events] == [(segment, "master-appeared")]


def test_what_cannot_be_read_is_told_and_the_rest_analysed(tmp_path: Path) -> None:
    good = write(tmp_path, "good.pcap", pcap(beats(5)))
    text = write(tmp_path, "text.pcap", b"this is no capture, whatever its name says")
    empty = write(tmp_path, "empty.pcap", b"")
    missing = str(tmp_path / "missing.pcap")
    found = outcome(text, good, missing, empty, str(tmp_path))
    assert [line.partition(": ")[0] for line in found.errors] == [text, missing, empty, str(tmp_path)]
    assert all("\n" not in line for line in found.errors)
    assert [(source.format, source.packets, source.interfaces != ()) for source in found.analysis.sources] == [
        ("", 0, False), ("pcap", 5, True), ("", 0, False), ("", 0, False), ("", 0, False),
    ]  # fmt: skip
    assert found.analysis.totals.adverts == 5


def test_damage_is_told_of_each_capture_without_its_path(tmp_path: Path) -> None:
    cut = write(tmp_path, "cut.pcap", pcap(beats(5))[:-3])
    good = write(tmp_path, "good.pcap", pcap(beats(5, 60.0)))
    found = outcome(cut, good)
    # Five records of 16 + 54 bytes after the header of 24: the fifth begins at byte 304.
    assert [source.damage for source in found.analysis.sources] == [
        "the capture is cut in the middle of a record at byte 304; what comes before it was read",
        None,
    ]
    assert [source.packets for source in found.analysis.sources] == [4, 5]
    assert found.errors == ()


def test_an_unknown_link_type_fails_early_without_harm(tmp_path: Path) -> None:
    # Two interfaces, neither known: all that is learnt is that there are two.
    sent = beats(1)[0]
    blocks = section() + interface(147) + interface(148) + enhanced(sent.frame, sent.instant // 1000)
    found = outcome(write(tmp_path, "odd.pcapng", blocks))
    assert "link type 147" in found.errors[0]
    assert [(one.linktype, one.dropped) for one in found.analysis.sources[0].interfaces] == [(147, None), (148, None)]


def test_the_user_names_the_segment(tmp_path: Path) -> None:
    path = write(tmp_path, "cap.pcap", pcap(beats(3)))
    assert segments(outcome(path, segment="lan")) == ["lan"]
    assert [item.segment for item in decode([path], Options(segment="lan"))] == ["lan"] * 3
    named = write(tmp_path, "cap.pcapng", pcapng(beats(3)))
    assert segments(outcome(named, segment="lan")) == ["eth0"]


def test_a_hostile_name_stays_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, "cap.pcapng", pcapng(beats(3), b"a|vrrp|4/10\x1b[2J"))
    (group,) = outcome(path).analysis.groups
    assert str(group.key) == r"a\x7cvrrp\x7c4\x2f10\x1b[2J|vrrp|4|51|224.0.0.18"


class _Pipe:
    """Writes ``content`` to a named pipe once somebody reads it."""

    def __init__(self, path: Path, content: bytes) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._thread = threading.Thread(target=path.write_bytes, args=(content,))
        self._thread.start()

    def done(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    # Its losses are told at the end, and beside it are a rotation that is none and a file with losses of its own.
    sent = [*beats(10), *beats(10, 30.0)]
    pipe = _Pipe(tmp_path / "pipe1.pcap", pcapng(sent, b"eth9", lost=(38, 39, 4)))
    overlapping = [write(tmp_path, f"pipe{n}.pcap", pcap(beats(9, n / 4))) for n in (2, 3)]
    lossy = write(tmp_path, "lossy.pcapng", pcapng(sent, b"eth8", lost=(8, 31, 21)))
    assert reads_once(pipe.path)
    assert first_instant(pipe.path) is None
    assert total_size([pipe.path, lossy]) is None
    found = outcome(pipe.path, lossy, *overlapping, workers=2)
    pipe.done()
    assert found.errors == ()
    assert [source.packets for source in found.analysis.sources] == [20, 20, 9, 9]
    assert segments(found) == ["eth8", "eth9", "pipe2", "pipe3"]
    assert [event.kind for event in found.analysis.events if event.group.segment == "eth8"] == ["master-appeared"]


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, pcap(beats(10)))
    overlapping = [write(tmp_path, f"eth{n}.pcap", pcap(beats(9, n / 4))) for n in (2, 3)]
    told: list[tuple[int, int | None]] = []
    found = analyse(["-", *overlapping, "-"], Options(), lambda *known: told.append(known))
    assert found.errors == ()
    assert [source.packets for source in found.analysis.sources] == [10, 9, 9]
    assert segments(found) == ["eth2", "eth3", "stdin"]
    assert {total for _, total in told} == {None}


def test_progress_never_goes_back(tmp_path: Path) -> None:
    sent = [*beats(10), *beats(10, 30.0)]
    paths = [
        write(tmp_path, "cap1.pcapng", pcapng(sent, lost=(8, 31, 21))),
        write(tmp_path, "cap2.pcapng", pcapng(beats(40, 0.5))),
    ]
    size = sum(Path(path).stat().st_size for path in paths)
    told: list[tuple[int, int | None]] = []
    analyse([*paths, str(tmp_path / "missing")], Options(), lambda *known: told.append(known))
    read = [count for count, _ in told]
    assert read == sorted(read)
    assert all(total is not None and count <= total for count, total in told)
    # They overlap, and then one of them tells of a loss: the last pass begins with both read once at least.
    assert told[-1][0] == told[-1][1]
    assert told[-1][0] >= 2 * size


def test_an_interrupted_session_reports_what_it_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(tmp_path, "cap1.pcap", pcap(beats(10)))
    two = write(tmp_path, "cap2.pcap", pcap(beats(10, 20.0)))
    feed = Engine.feed

    def impatient(engine: Engine, batch: Batch) -> None:
        os.kill(os.getpid(), 2)
        feed(engine, batch)

    monkeypatch.setattr(Engine, "feed", impatient)
    found = outcome(one, two)
    # The step at hand is finished, and no other begun.
    assert found.interrupted
    assert found.analysis.totals.adverts == 10
    assert [group.state for group in found.analysis.groups] == ["held"]


def test_an_interrupt_while_reading_is_heeded_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "cap.pcap", pcap(beats(10)))

    def impatient(read: int, total: int | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    found = analyse([path], Options(), impatient)
    assert found.interrupted
    assert found.analysis.totals.adverts == 0
    assert found.analysis.sources[0].format == "pcap"


def test_only_the_main_thread_minds_interrupts(tmp_path: Path) -> None:
    path = write(tmp_path, "cap.pcap", pcap(beats(3)))
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(outcome(path)))
    thread.start()
    thread.join(30)
    assert found == [outcome(path)]


def test_decode_goes_file_by_file_and_tells_of_damage_last(tmp_path: Path) -> None:
    late = write(tmp_path, "late.pcap", pcap(beats(2, 50.0)))
    cut = write(tmp_path, "cut.pcap", pcap(beats(3))[:-1])
    items = decode([late, cut], Options())
    shown = [next(items) for _ in range(4)]
    assert [(item.source, item.packet, item.path, item.segment) for item in shown] == [
        (0, 1, late, "late"), (0, 2, late, "late"), (1, 1, cut, "cut"), (1, 2, cut, "cut"),
    ]  # fmt: skip
    assert [item.at - START for item in shown] == [50 * 10**9, 51 * 10**9, 0, 10**9]
    # 24 bytes of header and two records of 70.
    with pytest.raises(DamagedError, match=f"^{cut}: the capture is cut in the middle of a record at byte 164;"):
        next(items)
    with pytest.raises(CaptureError, match="is empty"):
        list(decode([write(tmp_path, "empty.pcap", b"")], Options()))


def test_decode_understands_alike_what_is_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The same bytes from another source are another router's; a fresh identification is the same message.
    sent = [Sent(0, identification=1), Sent(1, identification=2), Sent(2, OTHER_ROUTER, 3)]
    path = write(tmp_path, "cap.pcap", pcap(sent))
    items = list(decode([path], Options()))
    monkeypatch.setattr(session, "MAX_UNDERSTOOD", 0)
    assert list(decode([path], Options())) == items
    networks = [item.frame.network for item in items]
    assert [str(network.source) for network in networks if network] == ["10.0.0.1", "10.0.0.1", "10.0.0.2"]
    assert items[0].message == items[1].message == items[2].message
    assert {item.checksum for item in items} == {"plain"}


def test_a_capture_with_a_header_alone_is_a_capture(tmp_path: Path) -> None:
    path = write(tmp_path, "none.pcap", pcap_header())
    found = outcome(path, write(tmp_path, "some.pcap", pcap(beats(2))))
    assert found.errors == ()
    assert [(source.packets, source.first) for source in found.analysis.sources] == [(0, None), (2, START)]
