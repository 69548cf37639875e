"""Which packets rules can tell apart, the ways on which each is tried, limits, and rules as files hold them."""

import struct
from random import Random

import pytest

from tests.firewall.packets import advert, advert6, ah, ether, ip4, tagged, udp, vrrp
from tests.firewall.policies import group, policy
from vrrpwatch.core.model import Evidence
from vrrpwatch.firewall import proof_classes
from vrrpwatch.firewall.flows import Limit, Plan, plan
from vrrpwatch.firewall.proof import confined
from vrrpwatch.firewall.proof_classes import Captured, Classes, Left, retag
from vrrpwatch.firewall.proof_limits import Bucket
from vrrpwatch.firewall.proof_rules import MAX_OCTETS, read_rules, states
from vrrpwatch.firewall.proof_ways import OUTSIDE, Way, home, ways
from vrrpwatch.firewall.replay_job import Tool
from vrrpwatch.firewall.replay_session import ProofError
from vrrpwatch.wire.carp import encode_carp
from vrrpwatch.wire.values import Carp

ETHERNET, RAW_IP = 1, 101
SPEAKER = plan(policy(), "speaker")
PORTS = policy(
    group(segment="trunk/10"),
    group(segment="trunk/20", id=20),
    segments=(
        {"name": "trunk/10", "interface": "trunk", "interfaces": ["trunk2"], "vlans": [10]},
        {"name": "trunk/20", "interface": "trunk", "interfaces": ["trunk2"], "vlans": [20]},
    ),
)
HOSTS = policy(*(group(segment=f"eth{number}") for number in range(8)))


def classes(made: Plan = SPEAKER) -> Classes:
    return Classes(made, lambda packet: confined(made, packet))


def captured(frame: bytes, packet: int = 1, *, segment: str = "eth0", linktype: int = ETHERNET) -> Captured:
    return Captured(0, packet, 0, segment, linktype, frame, len(frame))


def sent(payload: bytes, protocol: int, destination: str = "224.0.0.18") -> bytes:
    return ether(ip4(payload, protocol, "192.0.2.11", destination), 0x0800)


def numbered(frame: bytes, value: int) -> bytes:
    """An IPv4 frame with another identification and header checksum."""
    return frame[:18] + struct.pack("!H", value) + frame[20:24] + struct.pack("!H", value) + frame[26:]


def carp(counter: int) -> bytes:
    return encode_carp(Carp(51, 0, 7, 0, 1, counter, counter, counter.to_bytes(20, "big")))


def signed(sequence: int, icv: bytes) -> bytes:
    header = ah(b"", 112, icv=len(icv))
    return header[:8] + struct.pack("!I", sequence) + icv + vrrp(51)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (advert(), numbered(advert(), 9), True),
        (advert(), advert(ttl=254), False),
        (advert(), advert(52), False),
        (advert(), advert(mac="02:00:00:00:00:66"), False),
        (advert(), advert(source="192.0.2.12"), False),
        (advert(), tagged(advert(), 10), False),
        (sent(carp(1), 112), sent(carp(2), 112), True),
        (sent(signed(1, b"A" * 12), 51), sent(signed(2, b"B" * 12), 51), True),
        (sent(signed(1, b"A" * 12), 51), sent(signed(1, b"A" * 16), 51), False),
        (sent(vrrp(51) + b"\1" * 28, 112), sent(vrrp(51) + b"\2" * 28, 112), True),
        (sent(udp(3780) + b"one", 17, "225.0.0.50"), sent(udp(3780) + b"three", 17, "225.0.0.50"), True),
        (sent(udp(3780), 17, "225.0.0.50"), sent(udp(3781), 17, "225.0.0.50"), False),
        (sent(udp(1985) + b"1", 17, "224.0.0.2"), sent(udp(1985) + b"2", 17, "224.0.0.2"), False),
        (sent(b"one", 240, "224.0.0.240"), sent(b"and another", 240, "224.0.0.240"), True),
        (advert6(), advert6(hops=254), False),
        (advert6(), advert6(options=True), False),
    ],
)
def test_packets_are_alike_where_no_rule_could_tell_them_apart(one: bytes, other: bytes, alike: bool) -> None:
    made = classes()
    assert [made.take(captured(one, 1)), made.take(captured(other, 2))] == ([0, 0] if alike else [0, 1])
    if alike:
        assert made.get(0).evidence == (Evidence(0, 1), Evidence(0, 2))
        assert made.get(0).octets == len(one) + len(other)


def test_a_class_is_replayed_as_its_first_packet_without_tags_that_the_device_takes_off() -> None:
    made = classes()
    made.take(captured(tagged(advert(), 10)))
    assert made.get(0).frame == advert()
    bridge = classes(plan(PORTS, "bridge"))
    bridge.take(captured(tagged(advert(), 10), segment="trunk/10"))
    assert bridge.get(0).frame == tagged(advert(), 10)
    assert retag(tagged(tagged(advert(), 7), 8), (20, 30)) == tagged(tagged(advert(), 30), 20)


def test_what_was_not_captured_of_a_packet_is_zeros_and_what_was_padded_is_gone() -> None:
    made = classes()
    made.take(Captured(0, 1, 0, "eth0", ETHERNET, advert()[:40], len(advert())))
    made.take(captured(advert() + bytes(14)))
    assert made.get(0).frame == advert()[:40].ljust(len(advert()), b"\0")
    assert made.get(1).frame == advert()


def test_a_capture_without_mac_addresses_cannot_show_a_wrong_one() -> None:
    made = classes()
    made.take(captured(advert()[14:], linktype=RAW_IP))
    assert made.get(0).frame == advert()


def test_what_cannot_be_replayed_is_counted_and_breaks_nothing() -> None:
    made = classes()
    frames = [b"", b"\0" * 13, advert()[:30], ether(b"\x45", 0x0800), ether(b"", 0x88CC)]
    assert [made.take(captured(frame)) for frame in frames] == [None] * 5
    assert made.left() == Left(0, 0, 5)


def test_a_flood_fills_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_classes, "MAX_CLASSES", 3)
    monkeypatch.setattr(proof_classes, "MAX_ASIDE", 2)
    monkeypatch.setattr(proof_classes, "MAX_STRANGERS", 1)
    monkeypatch.setattr(proof_classes, "MAX_EVIDENCE", 2)
    made = classes()
    for number in range(9):
        made.take(captured(advert(source=f"192.0.2.{number}")))
        made.take(captured(sent(bytes((0x16, number)) + bytes(6), 2)))
        made.take(captured(advert(), segment=f"vlan{number}"))
        made.take(captured(advert(source="192.0.2.0"), number))
    assert len(made.all()) == 3 + 2
    # The stranger's class took the third place, so of nine speakers two have one.
    assert made.left() == Left(7 + 7, 8, 0)
    assert made.get(0).packets == 1 + 9
    assert len(made.get(0).evidence) == 2


def test_a_class_is_tried_on_its_own_devices_and_on_some_others_as_for_a_leak() -> None:
    made = classes(plan(HOSTS, "speaker"))
    made.take(captured(advert(), segment="eth6"))
    found = ways(plan(HOSTS, "speaker"), made.get(0), judged=True, egress=False)
    others = ["eth7", "eth0", "eth1", "eth2", OUTSIDE]
    assert [way for way in found if way.own] == [
        Way("input", "eth6", None, own=True),
        Way("output", None, "eth6", own=True),
    ]
    assert [way.incoming for way in found if way.course == "input"] == ["eth6", *others]
    assert [way.outgoing for way in found if way.course == "output"] == ["eth6", *others]
    crossings = [(way.incoming, way.outgoing) for way in found if way.course == "forward"]
    assert crossings == [pair for other in others for pair in (("eth6", other), (other, "eth6"))]


def test_a_bridge_also_tries_a_class_in_other_vlans_of_its_ports() -> None:
    bridge = plan(PORTS, "bridge")
    made = classes(bridge)
    made.take(captured(tagged(advert(), 10), segment="trunk/10"))
    found = ways(bridge, made.get(0), judged=True, egress=False)
    assert [(way.incoming, way.outgoing, way.vlans) for way in found] == [
        ("trunk", "trunk2", None),
        ("trunk", OUTSIDE, None),
        ("trunk2", "trunk", None),
        ("trunk2", OUTSIDE, None),
        (OUTSIDE, "trunk", None),
        (OUTSIDE, "trunk2", None),
        ("trunk", "trunk2", (20,)),
        ("trunk2", "trunk", (20,)),
    ]


@pytest.mark.parametrize(
    ("segment", "device"),
    [
        ("eth9", "eth9"),
        ("eth9/10.20", "eth9.10.20"),
        ("lo", OUTSIDE),
        ("a; drop", OUTSIDE),
        ("a-name-too-long-for", OUTSIDE),
    ],
)
def test_a_segment_that_the_policy_does_not_know_has_a_device_of_its_own(segment: str, device: str) -> None:
    made = classes()
    made.take(captured(advert(), segment=segment))
    assert home(SPEAKER, made.get(0)) == (device,)


def test_a_bucket_is_full_at_first_and_fills_at_its_rate() -> None:
    second = 1_000_000_000
    bucket = Bucket(Limit(2, 3))
    assert [bucket.passes(0) for _ in range(4)] == [True, True, True, False]
    # Two a second: half a second later one token is back, and no more.
    assert [bucket.passes(second // 2), bucket.passes(second // 2)] == [True, False]
    assert not bucket.passes(second - 1)
    assert bucket.passes(second)
    # However long it waits it holds three; a clock that steps back gives it none.
    assert [bucket.passes(100 * second) for _ in range(4)] == [True, True, True, False]
    assert not bucket.passes(0)
    assert bucket.passes(second // 2)


SAVED = "*filter\n:INPUT ACCEPT [0:0]\n{}\nCOMMIT\n"
NFT = "table inet t {\n chain c {\n }\n}\n"


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        (NFT, "nft"),
        (f"\ufeff# remark\n\n{NFT}", "nft"),
        ('{"nftables": []}', "nft-json"),
        (SAVED.format("-A INPUT -s 192.0.2.1/32 -j ACCEPT"), "iptables"),
        (SAVED.format("-A INPUT -s fe80::1/128 -j ACCEPT"), "ip6tables"),
        (SAVED.format("-A INPUT -p 112 -m hl --hl-eq 255 -j ACCEPT"), "ip6tables"),
        ("*filter\n:FORWARD ACCEPT\n-A FORWARD -p IPv4 -j ACCEPT\n", "ebtables"),
    ],
)
def test_rules_are_known_by_their_form(text: str, tool: str) -> None:
    assert read_rules("rules", text.encode()).tool == tool


@pytest.mark.parametrize(
    ("text", "tool", "words"),
    [
        ("", None, "no rules in it"),
        ("# only this\n", None, "no rules in it"),
        ("table inet t {\0}", None, "a zero octet"),
        (f'include "/etc/shadow"\n{NFT}', "nft", "include"),
        ("table inet t {\n}; include\t'/etc/shadow'\n", "nft", "include"),
        ('include \\\n "/etc/shadow"\n', "nft", "include"),
        (NFT.replace(" }\n}", '  accept comment "a\n"; include "/etc/shadow"\n }\n}'), "nft", "include"),
        (SAVED.format("-A INPUT --modprobe=/tmp/evil -j ACCEPT"), "iptables", "line 3"),
        (SAVED.format("-A INPUT --modp /tmp/evil -j ACCEPT"), "iptables", "line 3"),
        (SAVED.format("-A INPUT '-M' /tmp/evil -j ACCEPT"), "iptables", "line 3"),
        (SAVED.format("-A INPUT -4M/tmp/evil -j ACCEPT"), "iptables", "line 3"),
        (SAVED.format('-A INPUT "-pM" -j ACCEPT'), "iptables", "line 3"),
        (SAVED.format("-A INPUT -m bpf --object-pinned /sys/fs/bpf/x -j ACCEPT"), "iptables", "line 3"),
        (SAVED.format("iptables -F"), "iptables", "begins with -A"),
        # iptables knows no single quotes, and no backslash outside of double ones.
        (SAVED.format("-A INPUT -m comment --comment ' --modprobe=/tmp/evil '"), "iptables", "line 3"),
        (SAVED.format('-A INPUT -m comment --comment \\"" --modprobe=/tmp/evil "'), "iptables", "line 3"),
        (SAVED.format('-A INPUT --m"odprobe"=/tmp/evil'), "iptables", "line 3"),
        (SAVED.format('-A INPUT "-\\M" /tmp/evil'), "iptables", "line 3"),
        ("*filter\n-A FORWARD --among-src-file /etc/shadow -j DROP\n", "ebtables", "line 2"),
    ],
)
def test_rules_that_would_open_or_run_something_are_refused(text: str, tool: Tool | None, words: str) -> None:
    with pytest.raises(ProofError, match=words):
        read_rules("rules", text.encode(), tool)


@pytest.mark.parametrize(
    "text",
    [
        'table inet t {\n chain c {\n  accept comment "to include this"\n }\n}\n',
        f'# include "elsewhere"\n{NFT}',
        SAVED.format('-A INPUT -m comment --comment "vrrp 51 - on eth0" -m limit --limit 5/sec -j ACCEPT'),
        SAVED.format("-A PREROUTING -j DNAT --hitcount -5 --mode nth --match-set a src,dst"),
        SAVED.format("[3:120] -A INPUT ! -s 192.0.2.1/32 -m u32 --u32 0x0>>0x16&0x3c@0x0>>0x10&0xff=0x33 -j ACCEPT"),
    ],
)
def test_words_alone_are_no_danger(text: str) -> None:
    assert read_rules("rules", text.encode()).text == text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            'table inet t { chain c { ct state new meta  hour "03:00" drop comment "numgen" } } # quota',
            ("ct", "meta hour"),
        ),
        ('{"nftables": [{"ct": {"key": "state"}}, {"meta": {"key": "mark"}}]}', ("ct", "mark")),
        (
            '*filter\n-A INPUT -m time -m statistic -m comment --comment "-m quota" -j DROP\nCOMMIT\n',
            ("statistic", "time"),
        ),
        ("*filter\n-A INPUT -m ttl --ttl-eq 255 -m limit --limit 5/sec -j ACCEPT\nCOMMIT\n", ()),
    ],
)
def test_what_no_replay_has_is_told(text: str, asked: tuple[str, ...]) -> None:
    assert states(read_rules("rules", text.encode())) == asked


def test_rules_of_any_size_and_no_text_at_all_are_one_line() -> None:
    with pytest.raises(ProofError, match="larger than"):
        read_rules("rules", b"#" * (MAX_OCTETS + 1))
    with pytest.raises(ProofError, match="not UTF-8 text at octet 2"):
        read_rules("rules", b"ab\xff")


def test_no_frame_that_a_forger_makes_up_breaks_the_reckoning() -> None:
    chance = Random(7)
    made = classes()
    seeds = [advert(), advert6(), advert6(options=True), tagged(sent(carp(1), 112), 10), sent(signed(1, b"A" * 12), 51)]
    for number in range(5_000):
        frame = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        cut = bytes(frame[: chance.randrange(len(frame) + 1)] if chance.random() < 0.3 else frame)
        length = len(cut) + chance.choice((0, 0, 60, 70_000))
        made.take(Captured(0, number, 0, "eth0", chance.choice((1, 1, 101, 113, 276, 9999)), cut, length))
    assert sum(one.packets for one in made.all()) + sum(made.left()) == 5_000
    assert max(len(one.frame) for one in made.all()) <= 14 + proof_classes.MAX_OCTETS
