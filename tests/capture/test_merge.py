"""Several captures as one stream: in time order, exactly as mergecap would write it, whatever the batches are."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrrpwatch.capture.merge import DISORDER, Concurrent, Feed, merged
from vrrpwatch.core.frames import FLOWS, FRAME, SECONDS, Batch, ClockStep, Loss
from vrrpwatch.core.model import NANOSECONDS

Packet = tuple[int, int, int]


def batch(source: int, number: int, instants: Sequence[int]) -> Batch:
    """Packets at ``instants``, the first of them number ``number``; each holds its source and its number."""
    frames, volume = np.zeros(len(instants), FRAME), np.zeros(len(instants), SECONDS)
    frames["at"] = instants
    frames["source"] = source
    frames["captured"] = 2
    frames["packet"] = np.arange(number, number + len(instants))
    frames["offset"] = np.arange(len(instants)) * 2
    volume["second"] = [at // NANOSECONDS for at in instants]
    volume["packets"] = 1
    data = [octet for packet in range(number, number + len(instants)) for octet in (source, packet & 0xFF)]
    return Batch(
        source=source,
        interfaces=(),
        packets=len(instants),
        bytes=60 * len(instants),
        multicast_packets=len(instants),
        multicast_bytes=60 * len(instants),
        first=min(instants, default=None),
        last=max(instants, default=None),
        frames=frames,
        data=np.array(data, dtype=np.uint8),
        flows=np.zeros(0, FLOWS),
        seconds=volume,
        skipped={"later fragment": 1},
    )


def feed(source: int, *pieces: Sequence[int], first: int | None = None) -> Feed:
    def batches() -> Iterator[Batch]:
        number = 1
        for piece in pieces:
            yield batch(source, number, piece)
            number += len(piece)

    return Feed(source, first, batches())


def packets(batches: Sequence[Batch]) -> list[Packet]:
    """(instant, source, number) of every packet, after a look at its bytes."""
    found = []
    for one in batches:
        for row in one.frames:
            source, number = int(row["source"]), int(row["packet"])
            assert one.data[row["offset"] : row["offset"] + 2].tolist() == [source, number & 0xFF]
            found.append((int(row["at"]), source, number))
    return found


def like_mergecap(captures: dict[int, list[int]]) -> list[Packet]:
    """Always the earliest of the captures' next packets; of equal ones that of the first capture."""
    rest = {source: list(enumerate(instants, 1)) for source, instants in sorted(captures.items())}
    found = []
    while any(rest.values()):
        source = min((source for source in rest if rest[source]), key=lambda source: rest[source][0][1])
        number, at = rest[source].pop(0)
        found.append((at, source, number))
    return found


def test_captures_that_follow_each_other_pass_as_they_are() -> None:
    early, late = feed(1, [10, 11], [12], first=10), feed(0, [20, 21], first=20)
    batches = list(merged([late, early]))
    assert [(one.source, one.packets) for one in batches] == [(1, 2), (1, 1), (0, 2)]


def test_concurrent_captures_interleave() -> None:
    batches = list(merged([feed(0, [10, 30], [50], first=10), feed(1, [20, 40, 60], first=20)]))
    assert packets(batches) == [(10, 0, 1), (20, 1, 1), (30, 0, 2), (40, 1, 2), (50, 0, 3), (60, 1, 3)]


def test_a_capture_of_unknown_beginning_is_waited_for() -> None:
    batches = list(merged([feed(0, [10, 30], first=10), feed(1, [5, 20])]))
    assert [at for at, _, _ in packets(batches)] == [5, 10, 20, 30]


def test_packets_of_one_instant_come_in_the_order_of_their_captures() -> None:
    # The first capture goes on at the instant at which its first batch ends.
    batches = list(merged([feed(1, [10, 10], [10, 11], first=10), feed(0, [10], [10, 12], first=10)]))
    assert packets(batches) == [
        (10, 0, 1), (10, 0, 2), (10, 1, 1), (10, 1, 2), (10, 1, 3), (11, 1, 4), (12, 0, 3),
    ]  # fmt: skip


def test_a_capture_is_never_reordered_in_itself() -> None:
    # Its clock was stepped back at the third packet.
    batches = list(merged([feed(0, [100, 110, 50, 60, 120], first=50), feed(1, [105, 115], first=105)]))
    assert packets(batches) == [
        (100, 0, 1), (105, 1, 1), (110, 0, 2), (50, 0, 3), (60, 0, 4), (115, 1, 2), (120, 0, 5),
    ]  # fmt: skip


def test_a_capture_without_packets_ends_quietly() -> None:
    batches = list(merged([feed(0), feed(1, []), feed(2, [], [5], first=5), feed(3, [4, 6], first=4)]))
    assert packets(batches) == [(4, 3, 1), (5, 2, 1), (6, 3, 2)]
    assert all(one.last is None or one.last > 0 for one in batches)


CAPTURES = st.dictionaries(
    st.integers(0, 4), st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=5), max_size=4
)


@given(CAPTURES)
def test_the_order_is_mergecaps_and_nothing_is_lost(captures: dict[int, list[list[int]]]) -> None:
    whole = {source: [at for piece in pieces for at in piece] for source, pieces in captures.items()}
    feeds = [feed(source, *pieces, first=min(whole[source], default=None)) for source, pieces in captures.items()]
    batches = list(merged(feeds))
    count = sum(map(len, whole.values()))
    assert packets(batches) == like_mergecap(whole)
    assert sum(one.packets for one in batches) == sum(one.multicast_packets for one in batches) == count
    assert sum(one.bytes for one in batches) == sum(one.multicast_bytes for one in batches) == 60 * count
    assert sum(int(one.seconds["packets"].sum()) for one in batches) == count
    assert sum(one.skipped.get("later fragment", 0) for one in batches) == sum(map(len, captures.values()))


def test_losses_come_at_once_and_steps_with_their_packets() -> None:
    step, loss = ClockStep(0, 3, 30, 10), Loss(0, 0, 10, 30, 5)
    stepping = batch(0, 1, [10, 30, 10, 50])._replace(steps=(step,), losses=(loss,))
    batches = list(merged([Feed(0, 10, iter([stepping])), feed(1, [20], [40], [60], first=20)]))
    assert [one.losses for one in batches if one.losses] == [(loss,)]
    (holder,) = [one for one in batches if one.steps]
    assert holder.steps == (step,)
    assert 3 in holder.frames["packet"][holder.frames["source"] == 0]
    assert batches[0].losses
    assert not batches[0].steps


@pytest.mark.parametrize(("overlap", "overlaps"), [(0, False), (DISORDER, False), (DISORDER + 1, True)])
def test_files_of_one_rotation_may_touch_but_not_overlap(overlap: int, overlaps: bool) -> None:
    end = 100 * DISORDER
    rotation = frozenset((0, 1))
    feeds = [feed(0, [0, end], first=0), feed(1, [end - overlap, 2 * end], first=end // 2)]
    if overlaps:
        with pytest.raises(Concurrent) as news:
            list(merged(feeds, [rotation]))
        assert set(news.value.sources) == rotation
    else:
        assert len(packets(list(merged(feeds, [rotation])))) == 4


def test_an_overlap_shows_also_when_a_file_goes_on_later() -> None:
    second = NANOSECONDS
    feeds = [feed(0, [0, second], [3 * second], first=0), feed(1, [second, 4 * second], first=second)]
    with pytest.raises(Concurrent):
        list(merged(feeds, [frozenset((0, 1))]))
    unrelated = [feed(0, [0, second], [3 * second], first=0), feed(1, [second, 4 * second], first=second)]
    assert len(packets(list(merged(unrelated, [frozenset((1, 2))])))) == 5
