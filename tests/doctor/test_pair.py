"""Two doctors that talk, on a virtual clock: what each learns, and what strangers cannot make them believe."""

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import ge

import pytest

from vrrpwatch.doctor.checks import Verdict, check
from vrrpwatch.doctor.judge_pair import judge, settled
from vrrpwatch.doctor.pair import Counts, Datagram, Frame, Pair, Phase, Result, Timing
from vrrpwatch.doctor.pair_frames import (
    GROUP4,
    GROUP4_MAC,
    GROUP6,
    GROUP6_MAC,
    PROTOCOL,
    Kind,
    Mark,
    Side,
    borrowed_mac,
    decode,
    encode,
)
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.values import IPAddress, Ipv4

TOKEN = bytes(range(32))
A = Side(IPv4Address("192.0.2.1"), "02:00:00:00:00:01", "00:00:5e:00:01:fe")
B = Side(IPv4Address("192.0.2.2"), "02:00:00:00:00:02", "00:00:5e:00:02:fe")
A6, B6 = A._replace(ip=IPv6Address("fe80::1")), B._replace(ip=IPv6Address("fe80::2"))
# Powers of two add up exactly: ten frames of each kind.
TIMING = Timing(wait=5.0, frames=1.25, finish=1.0, hello_every=0.25, frame_every=0.125)
STEP = 0.0625


def everything(_: IPAddress, __: bytes) -> bool:
    return True


def nothing(_: IPAddress, __: bytes) -> bool:
    return False


def always(_: float) -> bool:
    return True


def side(own: Side, peer: Side, nonce: int, started: float = 0.0, vrid: int = 254) -> Pair:
    return Pair(own.ip, own.mac, peer.ip, vrid, bytes([nonce]) * 16, started, TIMING)


class Wire:
    """Both hosts and what is between them: ``passes`` decides about each frame, ``mirror`` brings some back."""

    def __init__(
        self,
        passes: Callable[[IPAddress, bytes], bool] = everything,
        mirror: Callable[[IPAddress, bytes], bool] = nothing,
        *,
        late: float = 0.0,
        heard: Callable[[float], bool] = always,
    ) -> None:
        self.a, self.b = side(A, B, 1), side(B, A, 2, late)
        self._passes, self._mirror, self._late, self._heard = passes, mirror, late, heard
        self.frames: list[bytes] = []

    def run(self) -> tuple[Result, Result, float]:
        now = 0.0
        while now < 30 and not (self.a.finished(now) and self.b.finished(now)):
            for me, other, ip in ((self.a, self.b, A.ip), (self.b, self.a, B.ip)):
                if me.finished(now) or (me is self.b and now < self._late):
                    continue
                for item in me.due(now):
                    if isinstance(item, Datagram):
                        if self._heard(now) and (other is self.a or now >= self._late):
                            other.hear_datagram(item.data, ip, now)
                    else:
                        self._carry(me, other, ip, item)
            now += STEP
        return self.a.result(), self.b.result(), now

    def _carry(self, me: Pair, other: Pair, ip: IPAddress, item: Frame) -> None:
        self.frames.append(item.data)
        if self._mirror(ip, item.data):
            me.hear_frame(item.data)
        if self._passes(ip, item.data):
            other.hear_frame(item.data)


def source_is_virtual(frame: bytes) -> bool:
    return frame[6:10] == bytes.fromhex("00005e00")


def destination_is_virtual(frame: bytes) -> bool:
    return frame[:4] == bytes.fromhex("00005e00")


def verdicts(result: Result) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in judge(result, "192.0.2.2", 5.0)}


def bad(result: Result) -> set[str]:
    return {name for name, verdict in verdicts(result).items() if verdict is not Verdict.OK}


def test_a_clean_segment_lets_everything_through_both_ways() -> None:
    a, b, _ = Wire().run()
    assert a.met
    assert b.met
    assert (a.peer_mac, b.peer_mac) == (B.mac, A.mac)
    # Ten frames of each kind, both ways.
    assert a.ours.sent == a.ours.received == b.ours.sent == b.ours.received == (10,) * 5
    assert a.theirs is not None
    assert (bad(a), bad(b)) == (set(), set())


def test_both_may_borrow_the_same_vrid() -> None:
    a, b, _ = Wire().run()
    assert {a.virtual, b.virtual} == {"00:00:5e:00:01:fe", "00:00:5e:00:02:fe"}


def test_the_peer_may_start_later() -> None:
    a, b, _ = Wire(late=3.0).run()
    assert (bad(a), bad(b)) == (set(), set())


def test_nobody_there_is_said_when_the_wait_is_over() -> None:
    a, _, now = Wire(late=100.0).run()
    assert now >= 5.0
    assert not a.met
    (one,) = judge(a, "192.0.2.2", 5.0)
    assert (one.name, one.verdict) == ("probe-peer", Verdict.UNKNOWN)
    assert "no answer from 192.0.2.2 within 5 s" in one.evidence


def test_forged_transmits_rejected() -> None:
    a, b, _ = Wire(lambda _, frame: not source_is_virtual(frame)).run()
    expected = {f"probe-virtual-{what}-{way}" for what in ("source", "multicast") for way in ("in", "out")}
    assert bad(a) == bad(b) == expected


def test_only_one_side_filters() -> None:
    a, b, _ = Wire(lambda sender, frame: sender == B.ip or not source_is_virtual(frame)).run()
    assert bad(a) == {"probe-virtual-source-out", "probe-virtual-multicast-out"}
    assert bad(b) == {"probe-virtual-source-in", "probe-virtual-multicast-in"}


def test_promiscuous_mode_rejected() -> None:
    a, _, _ = Wire(lambda _, frame: not destination_is_virtual(frame)).run()
    assert bad(a) == {"probe-virtual-destination-in", "probe-virtual-destination-out"}


def test_multicast_filtered() -> None:
    a, _, _ = Wire(lambda _, frame: not frame[0] & 1).run()
    assert bad(a) == {f"probe-{what}-{way}" for what in ("multicast", "virtual-multicast") for way in ("in", "out")}


def test_reflected_frames_are_told_from_the_peers() -> None:
    a, b, _ = Wire(mirror=lambda sender, frame: sender == A.ip and bool(frame[0] & 1)).run()
    assert bad(a) == {"probe-reflection"}
    assert bad(b) == set()
    assert a.ours.reflected == (0, 10, 0, 10, 0)
    (one,) = [c for c in judge(a, "x", 5.0) if c.name == "probe-reflection"]
    assert one.evidence == (
        "came back to their sender: 10 of 10 multicast frames, 10 of 10 multicast frames from the virtual MAC"
    )


def test_a_peer_that_dies_leaves_what_was_learned() -> None:
    a, _, _ = Wire(heard=lambda now: now < 0.3).run()
    assert a.met
    assert a.theirs is not None
    silent = a._replace(theirs=None)
    unknown = {name for name, verdict in verdicts(silent).items() if verdict is Verdict.UNKNOWN}
    assert unknown == {f"probe-{kind}-out" for kind in KIND_NAMES}


KIND_NAMES = ("unicast", "multicast", "virtual-source", "virtual-multicast", "virtual-destination")


@pytest.mark.parametrize(
    ("received", "verdict"), [(0, Verdict.PROBLEM), (7, Verdict.WARNING), (8, Verdict.OK), (10, Verdict.OK)]
)
def test_losses_are_graded(received: int, verdict: Verdict) -> None:
    theirs = Counts(sent=(10,) * 5)
    ours = Counts(sent=(10,) * 5, received=(received,) * 5)
    assert verdicts(Result(True, ours, theirs, B.mac, A.virtual, 0))["probe-multicast-in"] is verdict


def test_the_probe_answers_for_the_hypervisor() -> None:
    open_question = check("hypervisor", Verdict.UNKNOWN, "?", "x")
    a, _, _ = Wire().run()
    passed = settled((open_question,), tuple(judge(a, "p", 5.0)))
    assert passed[-1].verdict is Verdict.OK
    a, _, _ = Wire(lambda _, frame: not source_is_virtual(frame)).run()
    assert settled((open_question,), tuple(judge(a, "p", 5.0)))[-1] == open_question


@pytest.mark.parametrize(("own", "peer"), [(A, B), (A6, B6)], ids=["ipv4", "ipv6"])
def test_no_router_takes_a_test_frame_for_an_advert(own: Side, peer: Side) -> None:
    for kind in Kind:
        packet = dissect(encode(Mark(kind, 0, 1), TOKEN, own, peer), 1)
        assert packet.network is not None
        assert packet.network.destination in (GROUP4, GROUP6)
        assert packet.network.destination not in (ip_address("224.0.0.18"), ip_address("ff02::12"))
        assert (packet.protocol, PROTOCOL) == (253, 253)
        network = packet.network
        assert (network.ttl if isinstance(network, Ipv4) else network.hop_limit) == 1


def test_the_addresses_of_each_kind() -> None:
    packets = {kind: dissect(encode(Mark(kind, 0, 1), TOKEN, A, B), 1) for kind in Kind}
    ends = {kind: (packet.destination_mac, packet.source_mac) for kind, packet in packets.items()}
    assert ends == {
        Kind.UNICAST: (B.mac, A.mac),
        Kind.MULTICAST: (GROUP4_MAC, A.mac),
        Kind.VIRTUAL_SOURCE: (B.mac, A.virtual),
        Kind.VIRTUAL_MULTICAST: (GROUP4_MAC, A.virtual),
        Kind.VIRTUAL_DESTINATION: (B.virtual, A.mac),
    }


def test_group_macs_are_those_of_the_groups() -> None:
    assert GROUP4_MAC == "01:00:5e:00:00:fe"
    assert GROUP6_MAC == "33:33:00:00:01:14"
    assert (borrowed_mac(0, 51), borrowed_mac(1, 51)) == ("00:00:5e:00:01:33", "00:00:5e:00:02:33")


def test_a_frame_of_another_session_or_altered_counts_for_nothing() -> None:
    frame = encode(Mark(Kind.MULTICAST, 1, 7), TOKEN, A, B)
    assert decode(frame, TOKEN) == Mark(Kind.MULTICAST, 1, 7)
    assert decode(frame, bytes(32)) is None
    for at in range(14 + 20, len(frame)):
        altered = bytearray(frame)
        altered[at] ^= 1
        assert decode(bytes(altered), TOKEN) is None
    for length in range(len(frame)):
        assert decode(frame[:length], TOKEN) is None


def test_a_repeated_frame_is_one_frame() -> None:
    wire = Wire()
    _, b, _ = wire.run()
    for frame in wire.frames:
        wire.b.hear_frame(frame)
    assert wire.b.result().ours.received == b.ours.received == (10,) * 5


def first_datagram(pair: Pair) -> bytes:
    (item,) = list(pair.due(0.0))
    assert isinstance(item, Datagram)
    return item.data


def test_a_stranger_is_not_met() -> None:
    mine, stranger = side(A, B, 1), side(B, A, 9)
    data = first_datagram(stranger)
    mine.hear_datagram(data, IPv4Address("192.0.2.66"), 0.1)
    assert (mine.phase, mine.refused) == (Phase.SEEKING, 1)
    # A forged source address is not enough: our nonce went to the real peer only, and the forger cannot echo it.
    mine.hear_datagram(data, B.ip, 0.2)
    assert mine.phase is Phase.SEEKING


def test_our_own_datagram_coming_back_is_no_peer() -> None:
    mine = side(A, B, 1)
    mine.hear_datagram(first_datagram(mine), B.ip, 0.1)
    assert (mine.phase, mine.refused) == (Phase.SEEKING, 1)


def test_a_forger_cannot_end_a_talk_or_change_its_account() -> None:
    a, b = side(A, B, 1), side(B, A, 2)
    b.hear_datagram(first_datagram(a), A.ip, 0.0)
    (echo, *_) = list(b.due(0.0))
    assert isinstance(echo, Datagram)
    a.hear_datagram(echo.data, B.ip, 0.0)
    assert a.phase is Phase.SENDING
    (answer, *_) = list(a.due(0.3))
    assert isinstance(answer, Datagram)
    b.hear_datagram(answer.data, A.ip, 0.3)
    (genuine, *_) = list(b.due(0.6))
    assert isinstance(genuine, Datagram)
    for at in (8, len(genuine.data) - 1, len(genuine.data) - 25):
        altered = bytearray(genuine.data)
        altered[at] ^= 3
        before = a.refused
        a.hear_datagram(bytes(altered), B.ip, 0.6)
        assert a.refused == before + 1
    assert a.result().theirs is None
    a.hear_datagram(genuine.data, B.ip, 0.6)
    assert a.result().theirs is not None


@pytest.mark.parametrize("data", [b"", b"VRRPwDr1", bytes(94), b"\xff" * 94, b"VRRPwDr1" + b"\xff" * 86])
def test_hostile_datagrams_change_nothing(data: bytes) -> None:
    mine = side(A, B, 1)
    mine.hear_datagram(data, B.ip, 0.1)
    assert (mine.phase, mine.refused) == (Phase.SEEKING, 1)


def test_everything_ends_in_time_whatever_is_lost() -> None:
    for until in (0.0, 0.1, 0.4, 0.9, 1.3):
        _, _, now = Wire(heard=partial(ge, until)).run()
        # The wait, one hello, the frames, the last words, and what a step of the test's own clock adds.
        assert now <= 5.0 + 0.25 + 1.25 + 1.0 + 2 * STEP
