"""tshark's reading of captures written by hand: where it agrees, where it differs and why, and what stops it."""

import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vrrpwatch.capture import second_opinion
from vrrpwatch.capture.second_opinion import Disagreement, Reason, SecondOpinionError, compare
from vrrpwatch.capture.second_opinion_tshark import TsharkPacket, TsharkPackets
from vrrpwatch.capture.session import Options

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

MULTICAST = "01005e000012 00005e000101"
IP4 = "45c0 {length:04x} 0001 0000 ff70 0000 c0a8ca65 e0000012"
# VRID 1, priority 100, 1 s, 10.1.1.254 and no authentication.
VRRP2 = "2101640100016efd 0a0101fe 0000000000000000"
# FRR: VRID 1, priority 200, 10 cs, 192.168.202.100; the checksum once with the pseudo-header and once without.
VRRP3 = "3101c801000a1048 c0a8ca64"
VRRP3_PLAIN = "3101c801000a7be5 c0a8ca64"
# The passphrase is love, the address 10.1.1.252.
CARP = "212a0007000163a2 0000000000000001 bed06b842dc2fcede38f5139bf18d984f1276796"
# 10.0.0.1 to 10.0.0.7 and eight octets of nothing: 44 octets, and seven addresses where CARP has its authlen.
VRRP2_SEVEN = "21016407 000134da 0a000001 0a000002 0a000003 0a000004 0a000005 0a000006 0a000007 0000000000000000"


class Said:
    """tshark, if it said this."""

    complaint = None

    def __init__(self, *packets: TsharkPacket) -> None:
        self.packets = packets

    def __iter__(self) -> Iterator[TsharkPacket]:
        return iter(self.packets)


def ip4(payload: str, header: str = IP4) -> str:
    return header.format(length=20 + len(bytes.fromhex(payload))) + payload


def ethernet(packet: str, ethertype: str = "0800") -> str:
    return MULTICAST + ethertype + packet


def capture(path: Path, *frames: str) -> str:
    """Writes frames of hexadecimal digits as a pcap file of Ethernet frames, a second apart."""
    records = []
    for second, frame in enumerate(frames):
        data = bytes.fromhex(frame)
        records.append(struct.pack("<IIII", 1_700_000_000 + second, 0, len(data), len(data)) + data)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + b"".join(records))
    return str(path)


@needs_tshark
def test_agrees_on_plain_messages(tmp_path: Path) -> None:
    simple = "2101640101018a28 0a0101fe 7061737300000000"
    sealed = "7004 0000 c0a8ca65 00000007 000102030405060708090a0b" + "2101640102016cfd 0a0101fe 0000000000000000"
    path = capture(
        tmp_path / "plain.pcap",
        ethernet(ip4(VRRP2)),
        ethernet(ip4(VRRP3)),
        ethernet(ip4(CARP)),
        ethernet(ip4(simple)),
        ethernet(ip4(sealed, IP4.replace("ff70", "ff33"))),
        ethernet("0064 0800" + ip4(VRRP2), "8100"),
        ethernet("00c8 8100 0064 0800" + ip4(VRRP2), "88a8"),
        ethernet("0000 0800" + ip4(VRRP2), "8100"),
        ethernet(
            "60000000 0018 70ff fe800000000000000000000000000001 ff020000000000000000000000000012"
            "3105640100646cf5 fe800000000000000000000000000100",
            "86dd",
        ),
    )
    assert list(compare([path])) == []


@needs_tshark
def test_names_the_reason_of_every_known_difference(tmp_path: Path) -> None:
    unicast = IP4.replace("e0000012", "c0a8ca66")
    path = capture(
        tmp_path / "known.pcap",
        ethernet(ip4(VRRP3_PLAIN)),
        ethernet(ip4(VRRP3, unicast)),
        ethernet(ip4(VRRP2_SEVEN)),
        ethernet("60000000 0024 70ff fe800000000000000000000000000001 ff020000000000000000000000000012" + CARP, "86dd"),
        ethernet(ip4("2101640500016ef9 0a0101fe 0000000000000000")),
    )
    found = list(compare([path]))
    assert [(each.packet, each.field, each.ours, each.theirs, each.reason) for each in found] == [
        (1, "checksum", "good", "bad", Reason.PLAIN_CHECKSUM),
        (2, "checksum", "good", "bad", Reason.MULTICAST_CHECKSUM),
        (3, "protocol", "vrrp", "carp", Reason.VRRP_AS_CARP),
        (4, "protocol", "carp", "vrrp", Reason.CARP_AS_VRRP),
        (5, "checksum", None, "good", Reason.MALFORMED_CHECKSUM),
    ]


@needs_tshark
def test_nothing_unexplained_in_the_sample_captures(root: Path) -> None:
    samples = sorted(map(str, (root / "captures").glob("*.pcap*")))
    assert samples
    assert [each for each in compare(samples) if each.reason is None] == []


@needs_tshark
def test_several_captures_are_told_apart_by_index(tmp_path: Path) -> None:
    good = capture(tmp_path / "good.pcap", ethernet(ip4(VRRP3)))
    odd = capture(tmp_path / "odd.pcap", ethernet(ip4(VRRP3)), ethernet(ip4(VRRP3_PLAIN)))
    assert list(compare([good, odd])) == [Disagreement(1, 2, "checksum", "good", "bad", Reason.PLAIN_CHECKSUM)]


@needs_tshark
def test_packets_are_paired_across_blocks_that_hold_none(tmp_path: Path) -> None:
    frame = bytes.fromhex(ethernet(ip4(VRRP3_PLAIN)))
    packet = block(
        6, struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame.ljust(-(-len(frame) // 4) * 4, b"\0")
    )
    custom = block(0xBAD, struct.pack("<I", 0x04030201) + b"anything")
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    path = tmp_path / "blocks.pcapng"
    path.write_bytes(section + block(1, struct.pack("<HHI", 1, 0, 0)) + packet + custom + custom + packet)
    assert [(each.packet, each.reason) for each in compare([str(path)])] == [
        (1, Reason.PLAIN_CHECKSUM),
        (4, Reason.PLAIN_CHECKSUM),
    ]


def block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


@needs_tshark
def test_first_fragments_and_snapped_frames_agree(tmp_path: Path) -> None:
    first = ip4(VRRP2_SEVEN, IP4.replace("0001 0000", "0001 2000"))
    path = Path(capture(tmp_path / "cut.pcap", ethernet(first), ethernet(ip4(VRRP2))))
    data = path.read_bytes()
    # Only 46 of the second frame's 54 octets were kept: the authentication data is gone.
    record = struct.pack("<IIII", 1_700_000_001, 0, 46, 54)
    path.write_bytes(data[: -54 - 16] + record + data[-54:-8])
    assert [each for each in compare([str(path)]) if each.reason is None] == []


@needs_tshark
@pytest.mark.parametrize("name", ["-w evil.pcap", "$(touch evil) `id` ; x.pcap", "two\nlines.pcap", b"\xff\xfe.pcap"])
def test_a_file_name_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | bytes) -> None:
    monkeypatch.chdir(tmp_path)
    text = name.decode(errors="surrogateescape") if isinstance(name, bytes) else name
    capture(Path(text), ethernet(ip4(VRRP3)))
    assert [packet.number for packet in TsharkPackets(text)] == [1]
    assert [path.name for path in tmp_path.iterdir()] == [text]


@needs_tshark
def test_a_configuration_file_in_the_working_directory_is_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyshark")
    config = tmp_path / "config.ini"
    config.write_text("[tshark]\ntshark_path = /bin/false\n")
    monkeypatch.setattr("pyshark.config.fp_config_path", config)
    path = capture(tmp_path / "one.pcap", ethernet(ip4(VRRP3)))
    assert len(list(TsharkPackets(path))) == 1


@needs_tshark
def test_what_was_read_before_the_damage_is_told_first(tmp_path: Path) -> None:
    path = Path(capture(tmp_path / "cut.pcap", ethernet(ip4(VRRP3_PLAIN)), ethernet(ip4(VRRP3))))
    path.write_bytes(path.read_bytes()[:-5])
    found = list(compare([str(path)]))
    assert found[0] == Disagreement(0, 1, "checksum", "good", "bad", Reason.PLAIN_CHECKSUM)
    assert (found[-1].packet, found[-1].field, found[-1].reason) == (0, "capture", Reason.UNREADABLE)
    assert found[-1].theirs is not None
    assert found[-1].theirs == f'The file "{path}" appears to have been cut short in the middle of a packet.'
    assert found[-1].ours is not None
    assert str(path) in found[-1].ours


@needs_tshark
@pytest.mark.parametrize("name", ["-", "missing.pcap", "."])
def test_what_is_no_file_cannot_be_read_twice(name: str) -> None:
    packets = TsharkPackets(name)
    assert list(packets) == []
    assert packets.complaint == f"{name}: is no file, which tshark could read again"


@needs_tshark
def test_a_file_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = capture(tmp_path / "secret.pcap", ethernet(ip4(VRRP3)))

    def refuse(*_: object) -> None:
        raise PermissionError

    # Nothing is forbidden to root, who may run the tests.
    monkeypatch.setattr(Path, "open", refuse)
    packets = TsharkPackets(path)
    assert list(packets) == []
    assert packets.complaint == f"Permission denied for file {path}"


@needs_tshark
def test_tshark_is_reaped_when_nobody_reads_on(tmp_path: Path) -> None:
    path = capture(tmp_path / "long.pcap", *[ethernet(ip4(VRRP3))] * 2000)
    before = _children()
    packets = iter(TsharkPackets(path))
    assert next(packets).number == 1
    assert _children() != before
    packets.close()  # type: ignore[attr-defined]  # a generator
    assert _children() == before


def _children() -> set[str]:
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_a_missing_tshark_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SecondOpinionError, match=r"^the second opinion needs tshark: install"):
        next(compare(["any.pcap"]))


def test_a_missing_pyshark_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyshark.capture.file_capture", None)
    with pytest.raises(SecondOpinionError, match=r"^the second opinion needs pyshark: pip install"):
        next(compare(["any.pcap"]))


@needs_tshark
@pytest.mark.parametrize(("reveal", "shown"), [(False, ("********", "********")), (True, ("pass", "word"))])
def test_passwords_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reveal: bool, shown: tuple[str, str]
) -> None:
    path = capture(tmp_path / "auth.pcap", ethernet(ip4("2101640101018a28 0a0101fe 7061737300000000")))
    said = next(iter(TsharkPackets(path)))
    said.values["vrrp.auth_string"] = ["776f7264"]

    monkeypatch.setattr(second_opinion, "TsharkPackets", lambda _: Said(said))
    found = list(compare([path], Options(reveal=reveal)))
    assert found == [Disagreement(0, 1, "auth", *shown, None)]


@needs_tshark
def test_a_packet_that_only_one_side_calls_vrrp_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = capture(tmp_path / "one.pcap", ethernet(ip4(VRRP3)))
    said = next(iter(TsharkPackets(path)))
    later = TsharkPacket(2, said.layers, said.values)
    monkeypatch.setattr(second_opinion, "TsharkPackets", lambda _: Said(later))
    assert list(compare([path])) == [
        Disagreement(0, 1, "packet", "vrrp", None, None),
        Disagreement(0, 2, "packet", None, "vrrp", None),
    ]
