"""The generated captures are what they claim to be: judged by scapy, not by the generator's own code."""

import struct
from collections import Counter
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q
from scapy.packet import Packet
from scapy.utils import PcapNgReader, PcapReader, checksum, rdpcap

from tests.bench.files import Format
from tests.bench.generate import Plan, generate


def read(path: Path) -> list[Packet]:
    return list(rdpcap(str(path)))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(Plan(packets=3000, groups=10, seed=seed), tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(("form", "magic"), [("pcap", 0xA1B2C3D4), ("nspcap", 0xA1B23C4D), ("pcapng", 0x0A0D0D0A)])
def test_every_format_holds_the_packets_in_order_of_time(tmp_path: Path, form: Format, magic: int) -> None:
    path = tmp_path / "capture"
    generate(Plan(packets=2000, groups=10, form=form), path)
    assert struct.unpack("<I", path.read_bytes()[:4]) == (magic,)
    with (PcapNgReader if form == "pcapng" else PcapReader)(str(path)) as reader:
        packets = list(reader)
    assert len(packets) == 2000
    times = [packet.time for packet in packets]
    assert times == sorted(times)
    assert times[0] >= 1_767_225_600  # 2026-01-01T00:00:00Z


def test_shares_and_sizes_are_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    generate(Plan(packets=20_000, adverts=0.02, multicast=0.1, groups=20), path)
    packets = read(path)
    adverts = [packet for packet in packets if packet.dst in ("01:00:5e:00:00:12", "33:33:00:00:00:12")]
    groups = [packet for packet in packets if int(packet.dst[:2], 16) & 1]
    assert len(adverts) == 400
    # 2,000 other multicast frames are drawn by lot: 5 standard deviations are 225.
    assert abs(len(groups) - len(adverts) - 2000) < 225
    lengths = [len(packet) for packet in packets]
    assert min(lengths) >= 60
    assert max(lengths) in (1514, 1518)
    assert 340 < sum(lengths) / len(lengths) < 400
    assert {packet[Dot1Q].vlan for packet in packets if Dot1Q in packet} == {10, 20, 30}


def test_ip_and_vrrp_checksums_are_right(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    generate(Plan(packets=400, adverts=1.0, groups=20, failovers=4), path)
    seen = Counter[str]()
    for packet in read(path):
        if IP in packet:
            header = bytes(packet[IP])[: packet[IP].ihl * 4]
            message = bytes(packet[IP])[len(header) : packet[IP].len]
            assert checksum(header) == 0
            if packet[IP].proto == 51:
                message = message[24:]
            pseudo = header[12:20] + struct.pack("!HH", 112, len(message)) if message[0] >> 4 == 3 else b""
            assert checksum(pseudo + message) == 0
            seen["ah" if packet[IP].proto == 51 else f"version {message[0] >> 4}"] += 1
        elif IPv6 in packet:
            raw = bytes(packet[IPv6])
            assert checksum(raw[8:40] + struct.pack("!II", len(raw) - 40, raw[6]) + raw[40:]) == 0
            seen["ipv6"] += 1
    assert set(seen) == {"ah", "version 2", "version 3", "ipv6"}


def test_a_crash_leaves_the_gap_that_the_standard_prescribes(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    generate(Plan(packets=60, adverts=1.0, groups=1, failovers=1), path)
    packets = read(path)
    speakers = [(float(packet.time), packet[IP].src) for packet in packets if IP in packet]
    change = next(index for index, (_, source) in enumerate(speakers) if source == "10.0.1.3")
    assert [source for _, source in speakers] == ["10.0.1.2"] * change + ["10.0.1.3"] * (len(speakers) - change)
    # Master_Down_Interval of priority 100 at one second: 3 + 156/256 s (RFC 3768 §6.1).
    assert speakers[change][0] - speakers[change - 1][0] == pytest.approx(3.609375, abs=2e-6)
    (announced,) = (packet for packet in packets if ARP in packet)
    assert (announced[ARP].psrc, announced[ARP].pdst) == ("10.0.1.1", "10.0.1.1")
    assert float(announced.time) == pytest.approx(speakers[change][0] + 0.0004, abs=2e-6)


def test_a_split_brain_has_two_masters_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    generate(Plan(packets=90, adverts=1.0, groups=1, splits=1), path)
    sources = [packet[IP].src for packet in read(path)]
    assert set(sources[:40]) == {"10.0.1.2"}
    assert Counter(sources[-20:]) == {"10.0.1.2": 10, "10.0.1.3": 10}
