"""The kernel's filter passes whatever the scan keeps or counts, and little else of unicast."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture import files, frames
from tests.capture.bpf_machine import Frame, ethernet, run
from tests.fuzz.test_wire import mutated
from vrrpwatch.capture import bpf
from vrrpwatch.capture.bpf import Do, ExpressionError, Go, If, Instruction, Label
from vrrpwatch.capture.bpf_expression import compile_expression
from vrrpwatch.wire.link import dissect

SNAPLEN = 262144
PROGRAM = bpf.kept(SNAPLEN)
MAC = frames.HOST_MAC


def unicast(payload: bytes, ethertype: int = 0x0800) -> bytes:
    return frames.ethernet(payload, ethertype, destination=MAC)


def v4(payload: bytes, protocol: int, options: bytes = b"", flags: int = 0) -> bytes:
    return frames.ipv4(payload, protocol, destination=frames.B, options=options, flags=flags)


def v6(payload: bytes, following: int) -> bytes:
    return frames.ipv6(payload, following, destination=frames.A6)


PASSED = {
    "multicast of any kind": frames.ethernet(b"whatever", 0x88CC),
    "broadcast": frames.ethernet(v4(b"", 6), destination=b"\xff" * 6),
    "vrrp": unicast(v4(frames.VRRP2, 112)),
    "carp": unicast(v4(frames.CARP, 112)),
    "ah": unicast(v4(frames.ah(frames.VRRP2), 51)),
    "pfsync": unicast(v4(b"", 240)),
    "igmp": unicast(v4(b"", 2)),
    "arp": unicast(frames.arp(2), 0x0806),
    "conntrackd": unicast(v4(frames.udp(3780), 17)),
    "conntrackd's second port": unicast(v4(frames.udp(3781), 17)),
    "ipvs": unicast(v4(frames.udp(8848), 17)),
    "hsrp": unicast(v4(frames.udp(1985), 17)),
    "hsrp6": unicast(v6(frames.udp(2029), 17), 0x86DD),
    "glbp": unicast(v4(frames.udp(3222), 17)),
    "udp behind ip options": unicast(v4(frames.udp(3780), 17, bytes(40))),
    "vrrp over ipv6": unicast(v6(frames.VRRP2, 112), 0x86DD),
    "neighbour advertisement": unicast(v6(bytes((136,)) + bytes(23), 58), 0x86DD),
    "mld": unicast(v6(bytes((131,)) + bytes(23), 58), 0x86DD),
    "mld version 2": unicast(v6(bytes((143,)) + bytes(23), 58), 0x86DD),
    "behind hop-by-hop options": unicast(v6(bytes((58, 0)) + bytes(30), 0), 0x86DD),
    "one tag": frames.tagged(v4(frames.VRRP2, 112), (0x8100, 10), destination=MAC),
    "two tags": frames.tagged(v4(frames.udp(3780), 17), (0x88A8, 10), (0x8100, 20), destination=MAC),
    "three tags": frames.tagged(v4(b"", 6), *[(0x8100, 10)] * 3, destination=MAC),
    "pppoe": unicast(bytes.fromhex("110000010016") + b"\0\x21" + v4(frames.VRRP2, 112), 0x8864),
    "mpls": unicast(bytes.fromhex("0001004000020140") + v4(frames.VRRP2, 112), 0x8847),
    "llc": unicast(bytes.fromhex("aaaa030000000800") + v4(frames.VRRP2, 112), 60),
}
LEFT = {
    "tcp": unicast(v4(bytes(20), 6)),
    "udp": unicast(v4(frames.udp(53), 17)),
    "udp from a port of interest": unicast(v4(frames.udp(53, source=3780), 17)),
    "a later fragment": unicast(v4(frames.udp(3780), 17, flags=1)),
    "ping": unicast(v4(bytes(8), 1)),
    "ping over ipv6": unicast(v6(bytes((128,)) + bytes(7), 58), 0x86DD),
    "tcp over ipv6": unicast(v6(bytes(20), 6), 0x86DD),
    "udp over ipv6": unicast(v6(frames.udp(443), 17), 0x86DD),
    "tagged tcp": frames.tagged(v4(bytes(20), 6), (0x8100, 10), destination=MAC),
    "tcp in pppoe": unicast(bytes.fromhex("110000010016") + b"\0\x21" + v4(bytes(20), 6), 0x8864),
    "tcp in mpls": unicast(bytes.fromhex("0001004000020140") + v4(bytes(20), 6), 0x8847),
    "another ethertype": unicast(b"data", 0x88B5),
    "a cut one": unicast(v4(b"", 112))[:20],
    "nothing": b"",
}


@pytest.mark.parametrize("name", PASSED)
def test_passed(name: str) -> None:
    assert run(PROGRAM, ethernet(PASSED[name])) == SNAPLEN


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    assert run(PROGRAM, ethernet(LEFT[name])) == 0


def other(data: bytes, protocol: int, packet_type: int = 0) -> Frame:
    """A packet on a link without Ethernet headers, such as a tunnel (ARPHRD_TUNNEL)."""
    return Frame(data, network=0, hatype=768, packet_type=packet_type, protocol=protocol)


def test_other_links() -> None:
    assert run(PROGRAM, other(v4(frames.VRRP2, 112), 0x0800)) == SNAPLEN
    assert run(PROGRAM, other(v6(frames.VRRP2, 112), 0x86DD)) == SNAPLEN
    assert run(PROGRAM, other(v4(frames.udp(3780), 17, bytes(4)), 0x0800)) == SNAPLEN
    assert run(PROGRAM, other(v4(bytes(20), 6), 0x0800)) == 0
    assert run(PROGRAM, other(v6(bytes(20), 6), 0x86DD)) == 0
    assert run(PROGRAM, other(b"", 0x88B5)) == 0
    # Sent to a group: as the kernel says of what comes in, as IP says of what goes out.
    assert run(PROGRAM, other(v4(bytes(20), 6), 0x0800, packet_type=2)) == SNAPLEN
    assert run(PROGRAM, other(frames.ipv4(bytes(8), 17), 0x0800, packet_type=4)) == SNAPLEN
    assert run(PROGRAM, other(frames.ipv6(bytes(8), 17), 0x86DD, packet_type=4)) == SNAPLEN


def cases() -> Iterator[tuple[bytes, int, int]]:
    """Frames, link types and lengths: mutated ones of Ethernet and cooked links, and everyday unicast."""
    for number in range(2500):
        frame, linktype, length = mutated(number)
        if linktype in (1, 113):
            yield frame, linktype, length
    for number in range(1500):
        yield frames.everyday(number)


def kernel_frame(frame: bytes, linktype: int) -> Frame:
    """What the kernel asks its filter about: without the outermost tag, or without the cooked header."""
    if linktype == 1:
        tagged = frame[12:14] in (b"\x81\0", b"\x88\xa8") and len(frame) >= 18
        return ethernet(frame[:12] + frame[16:] if tagged else frame)
    # ARPHRD_TUNNEL, unless it says otherwise; a cooked capture of Ethernet is none that we make.
    return other(frame[16:], int.from_bytes(frame[14:16]), int.from_bytes(frame[:2]))


def test_nothing_that_the_scan_keeps_or_counts_is_dropped() -> None:
    kept = counted = dropped = 0
    for frame, linktype, length in cases():
        read = files.read(files.pcap_header(linktype) + files.record(frame, length=max(length, 0) & 0x7FFFFFFF))
        passed = run(PROGRAM, kernel_frame(frame, linktype)) > 0
        of_interest = [row for row in read.frames if int(row["kind"]) in files.OF_INTEREST]
        group = sum(batch.multicast_packets for batch in read.batches)
        kept += len(of_interest)
        counted += group
        dropped += not passed
        assert passed or not (of_interest or group), dissect(frame, linktype, length)
    # The cases are worth something: many of each kind are among them.
    assert kept > 500
    assert counted > 300
    assert dropped > 500


def test_every_frame_of_the_samples_passes(root: Path) -> None:
    for path in sorted((root / "captures").glob("*.pcap*")):
        batches = files.read(path.read_bytes()).batches
        wanted = 0
        for batch in batches:
            for row in batch.frames:
                frame = batch.data[row["offset"] : row["offset"] + row["captured"]].tobytes()
                if int(row["kind"]) in files.OF_INTEREST or frame[0] & 1:
                    wanted += 1
                    assert run(PROGRAM, kernel_frame(frame, 1)), path.name
        assert wanted > 10, path.name


def test_jumps_go_forward() -> None:
    assert bpf.assemble((If(0x15, 7, "x"), Do(6), Label("x"), Do(6, 1))) == (
        Instruction(0x15, 0, 1, 7),
        Instruction(0x05, 0, 0, 1),
        Instruction(0x06, 0, 0, 0),
        Instruction(0x06, 0, 0, 1),
    )
    for wrong in ((Label("x"), Go("x")), (Go("nowhere"),)):
        with pytest.raises(ValueError, match="back or to nowhere"):
            bpf.assemble(wrong)


def test_an_expression_is_a_second_condition() -> None:
    # ip proto 112, as tcpdump -d shows it.
    expression = (
        Instruction(0x28, 0, 0, 12),
        Instruction(0x15, 0, 3, 0x0800),
        Instruction(0x30, 0, 0, 23),
        Instruction(0x15, 0, 1, 112),
        Instruction(0x06, 0, 0, SNAPLEN),
        Instruction(0x06, 0, 0, 0),
    )
    program = bpf.both(expression, PROGRAM)
    assert run(program, ethernet(PASSED["vrrp"])) == SNAPLEN
    assert run(program, ethernet(PASSED["arp"])) == 0
    assert run(program, ethernet(LEFT["tcp"])) == 0
    assert run(program, other(v4(frames.VRRP2, 112), 0x0800)) == 0


def test_an_expression_that_is_too_long_is_refused() -> None:
    with pytest.raises(ExpressionError, match="the kernel takes 4096"):
        bpf.both([Instruction(0x06, 0, 0, 0)] * 4000, PROGRAM)
    with pytest.raises(ExpressionError, match="computed"):
        bpf.both([Instruction(0x16, 0, 0, 0)], PROGRAM)


def expression(text: str) -> tuple[Instruction, ...]:
    try:
        return compile_expression(text, SNAPLEN)
    except ExpressionError as error:
        if "needs libpcap" in str(error):
            pytest.skip("libpcap is not installed")
        raise


def test_expressions_are_compiled_as_tcpdump_does() -> None:
    program = bpf.both(expression("host 10.0.0.1 and not arp"), PROGRAM)
    assert run(program, ethernet(PASSED["vrrp"])) == SNAPLEN
    assert run(program, ethernet(PASSED["arp"])) == 0
    assert run(program, ethernet(PASSED["vrrp over ipv6"])) == 0


@pytest.mark.parametrize("text", ["vrrpp and", "host 10.0.0.1\0", "port 99999", "(" * 5000])
def test_a_bad_expression_is_one_line(text: str) -> None:
    expression("")
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, SNAPLEN)
    assert str(caught.value).startswith("filter expression ")
    assert "\n" not in str(caught.value)
