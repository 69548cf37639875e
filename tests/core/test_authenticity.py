"""Keys and what they verify: published CARP bytes, AH and HMAC trailers signed by hand here, and key files' faults."""

import hashlib
import hmac
import re
import struct
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.core.builders import carp, ips, vrrp
from vrrpwatch.cli.settings import load_keys
from vrrpwatch.core.authenticity import Authenticity
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.keys import Keys
from vrrpwatch.core.model import Advert, Evidence, GroupKey
from vrrpwatch.settings import SettingsError
from vrrpwatch.wire.link import dissect

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "keys.md").read_text().split("```toml\n")[1].split("```")[0]
ETHERNET = bytes.fromhex("01005e0000120200000000010800")
SOURCE, GROUP = "10.9.0.1", "224.0.0.18"

# OpenBSD's digest for passphrase "love", vhid 42, address 10.1.1.252 and counter 1.
CARP = bytes.fromhex("212a0007000163a20000000000000001bed06b842dc2fcede38f5139bf18d984f1276796")
CARP_ADDRESS = "10.1.1.252"
# VRID 51, priority 100, one address 10.9.0.100, interval 1 s; the checksum is that of these words.
V3 = bytes.fromhex("31336401006400000a090064")


def ip_packet(protocol: int, payload: bytes, ttl: int = 255) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(payload), 7, 0, ttl, protocol, 0xBEEF)
    return header + IPv4Address(SOURCE).packed + IPv4Address(GROUP).packed + payload


def v2(auth_type: int, password: bytes = b"") -> bytes:
    return bytes((0x21, 51, 100, 1, auth_type, 1, 0, 0)) + bytes((10, 9, 0, 100)) + password.ljust(8, b"\0")


def signed_by_ah(key: bytes) -> bytes:
    """What keepalived does: HMAC-MD5-96 with TOS, flags, header checksum and ICV at zero."""
    header = struct.pack("!BBHII", 112, 4, 0, int(IPv4Address(SOURCE)), 1)
    blank = bytearray(ip_packet(51, header + bytes(12) + v2(2)))
    blank[1] = blank[6] = blank[7] = blank[10] = blank[11] = 0
    icv = hmac.new(key, bytes(blank), hashlib.md5).digest()[:12]
    return ETHERNET + ip_packet(51, header + icv + v2(2))


def signed_by_trailer(key: bytes, key_id: int = 1) -> bytes:
    trailer = struct.pack("!BBHIHH", 1, key_id, 0, 1_700_000_000, 0, 9)
    covered = bytes((4, 3, 51, 0)) + IPv4Address(SOURCE).packed + bytes(12) + V3 + trailer + bytes(16)
    return ETHERNET + ip_packet(112, V3 + trailer + hmac.new(key, covered, hashlib.sha256).digest()[:16])


class Bench:
    """Verifies frames under a key file's tables."""

    def __init__(self, *tables: Mapping[str, object]) -> None:
        self.findings = Findings()
        self.authenticity = Authenticity(Keys.model_validate({"version": 1, "key": list(tables)}), self.findings)
        self.packet = 0

    def verify(self, frame: bytes, advert: Advert) -> bool | None:
        self.packet += 1
        at = self.packet * 1_000_000_000
        packet = dissect(frame, 1)
        assert packet.skipped is None
        return self.authenticity.verify(advert, packet, frame, at, Evidence(0, self.packet))

    def verdict(self, advert: Advert) -> bool | None:
        return self.authenticity.verdict(advert.group, advert.speaker)


AH_SPEAKER = vrrp(SOURCE, auth="ah")
V3_SPEAKER = vrrp(SOURCE, version=3, auth="hmac")
CARP_SPEAKER = carp(SOURCE, vhid=42)
CARP_FRAME = ETHERNET + ip_packet(112, CARP)


def test_ah_verifies_with_its_key_only() -> None:
    right, wrong = ({"protocol": "vrrp-ah", "secret": secret} for secret in ("k3y4ah", "other"))
    assert Bench(right).verify(signed_by_ah(b"k3y4ah"), AH_SPEAKER) is True
    assert Bench(wrong).verify(signed_by_ah(b"k3y4ah"), AH_SPEAKER) is False
    assert Bench(wrong, right).verify(signed_by_ah(b"k3y4ah"), AH_SPEAKER) is True


def test_a_cut_ah_packet_is_unknown() -> None:
    bench = Bench({"protocol": "vrrp-ah", "secret": "k3y4ah"})
    assert bench.verify(signed_by_ah(b"k3y4ah")[:-4], AH_SPEAKER) is None
    assert bench.verdict(AH_SPEAKER) is None


def test_failures_are_counted_per_packet_and_never_forgiven() -> None:
    bench = Bench({"protocol": "vrrp-ah", "secret": "k3y4ah"})
    assert bench.verify(signed_by_ah(b"k3y4ah"), AH_SPEAKER) is True
    assert bench.verdict(AH_SPEAKER) is True
    for _ in range(2):
        assert bench.verify(signed_by_ah(b"forged"), AH_SPEAKER) is False
    assert bench.verify(signed_by_ah(b"k3y4ah"), AH_SPEAKER) is True
    assert bench.verdict(AH_SPEAKER) is False
    (found,) = bench.findings.all()
    assert (found.rule, found.severity.value, found.subject, found.count) == ("auth-failed", "critical", SOURCE, 2)
    assert (found.first, found.last, found.evidence) == (2 * 10**9, 3 * 10**9, (Evidence(0, 2), Evidence(0, 3)))
    assert "k3y4ah" not in found.summary


def test_the_hmac_trailer_verifies_with_its_key_and_key_id() -> None:
    key: dict[str, object] = {"protocol": "vrrp-hmac", "secret_hex": "00ff10a5", "key_id": 1}
    data = bytes.fromhex("00ff10a5")
    assert Bench(key).verify(signed_by_trailer(data), V3_SPEAKER) is True
    assert Bench(key).verify(signed_by_trailer(data[:-1]), V3_SPEAKER) is False
    assert Bench(key).verify(signed_by_trailer(data, key_id=2), V3_SPEAKER) is None
    assert Bench(key).verify(signed_by_trailer(data)[:-1], V3_SPEAKER) is None


def test_simple_passwords_are_compared() -> None:
    advert = vrrp(SOURCE, auth="simple", password=b"s3cret")
    frame = ETHERNET + ip_packet(112, v2(1, b"s3cret"))
    assert Bench({"protocol": "vrrp-simple", "secret": "s3cret"}).verify(frame, advert) is True
    assert Bench({"protocol": "vrrp-simple", "secret": "s3cre"}).verify(frame, advert) is False
    assert Bench({"protocol": "vrrp-ah", "secret": "s3cret"}).verify(frame, advert) is None


class TestCarp:
    def test_says_which_listed_address_set_verifies(self) -> None:
        sets = [["10.1.1.1"], ["10.1.1.252", "10.1.1.1"], [CARP_ADDRESS]]
        bench = Bench({"protocol": "carp", "secret": "love", "addresses": sets})
        assert bench.verify(CARP_FRAME, CARP_SPEAKER) is True
        assert bench.authenticity.addresses(CARP_SPEAKER.group, CARP_SPEAKER.speaker) == ips(CARP_ADDRESS)

    def test_fails_where_the_listed_sets_do_not_fit_or_the_passphrase(self) -> None:
        for secret, address in (("love", "10.1.1.1"), ("hate", CARP_ADDRESS)):
            bench = Bench({"protocol": "carp", "secret": secret, "addresses": [[address]]})
            assert bench.verify(CARP_FRAME, CARP_SPEAKER) is False
            assert bench.verdict(CARP_SPEAKER) is False

    def test_finds_the_set_among_learnt_addresses(self) -> None:
        bench = Bench({"protocol": "carp", "secret": "love"})
        bench.authenticity.learn(CARP_SPEAKER.group, ips("10.1.1.7", CARP_ADDRESS))
        assert bench.verify(CARP_FRAME, CARP_SPEAKER) is True
        assert bench.authenticity.addresses(CARP_SPEAKER.group, CARP_SPEAKER.speaker) == ips(CARP_ADDRESS)

    def test_without_a_known_set_it_cannot_be_told(self) -> None:
        bench = Bench({"protocol": "carp", "secret": "love"})
        assert bench.verify(CARP_FRAME, CARP_SPEAKER) is None
        bench.authenticity.learn(CARP_SPEAKER.group, ips("10.1.1.7"))
        assert bench.verify(CARP_FRAME, CARP_SPEAKER) is None
        assert (bench.verdict(CARP_SPEAKER), bench.findings.all()) == (None, ())

    def test_a_proved_set_exposes_the_impostor(self) -> None:
        bench = Bench({"protocol": "carp", "secret": "love"})
        bench.authenticity.learn(CARP_SPEAKER.group, ips(CARP_ADDRESS))
        impostor = carp("10.9.0.66", vhid=42)
        forged = ETHERNET + ip_packet(112, CARP[:-1] + b"\0")
        assert bench.verify(CARP_FRAME, CARP_SPEAKER) is True
        assert bench.verify(forged, impostor) is False
        assert (bench.verdict(CARP_SPEAKER), bench.verdict(impostor)) == (True, False)
        assert [found.subject for found in bench.findings.all()] == ["10.9.0.66"]


@pytest.mark.parametrize(
    ("table", "applies"),
    [
        ({}, True),
        ({"id": 51}, True),
        ({"id": 52}, False),
        ({"segment": "eth0/*"}, True),
        ({"segment": "eth1/*"}, False),
        ({"family": 6}, False),
        ({"protocol": "carp"}, False),
    ],
)
def test_keys_apply_where_they_say(table: dict[str, object], applies: bool) -> None:
    keys = Keys.model_validate({"version": 1, "key": [{"protocol": "vrrp-ah", "secret": "x"} | table]})
    group = GroupKey("eth0/10", "vrrp", 4, 51, GROUP)
    assert bool(keys.matching("vrrp-ah", group)) is applies
    assert keys.matching("vrrp-hmac", group) == ()


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(DOCUMENTED)
    (tmp_path / "carp.key").write_bytes(b"love\r\n")
    keys = load_keys(tmp_path / "keys.toml")
    assert [key.value for key in keys.key] == [b"k3y4ah", b"\x00\xff\x10\xa5", b"love", b"s3cret"]
    assert keys.key[2].addresses == (ips("10.0.0.100"), ips("10.0.0.100", "10.0.0.101"))
    assert not any(secret in repr(keys) for secret in ("k3y4ah", "love", "s3cret"))


KEY = '[[key]]\nprotocol = "vrrp-ah"\n'
FAULTS = {
    "no key": ("key = []", ["key: is empty: list at least one"]),
    "no secret": (KEY, ["key[1].secret_file: the secret is missing: add secret, secret_hex or secret_file"]),
    "two secrets": (
        KEY + 'secret = "hush"\nsecret_file = "carp.key"',
        ["key[1].secret_file: secret and secret_file both give the secret: keep one of them"],
    ),
    "two secrets in the file": (
        KEY + 'secret = "hush"\nsecret_hex = "00"',
        ["key[1].secret_file: secret and secret_hex both give the secret: keep one of them"],
    ),
    "too long": (
        KEY + 'secret = "hush-hush"',
        ["key[1].secret: the secret is 9 bytes long, but 8 is the most that the protocol uses: shorten it"],
    ),
    "several at once": (
        KEY + 'secret = 5\nkey_id = 1\n[[key]]\nprotocol = "carp"\nsecret_hex = "hush"\nid = 0',
        [
            'key[1].key_id: only protocol = "vrrp-hmac" has key ids: remove it',
            "key[1].secret: is no text: put it in quotes",
            "key[2].id: Input should be greater than or equal to 1",
            "key[2].secret_hex: is no hexadecimal text: write two digits 0-9, a-f per byte, in quotes",
        ],
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_told_without_the_secret(case: str, tmp_path: Path) -> None:
    text, expected = FAULTS[case]
    path = tmp_path / "keys.toml"
    path.write_text("version = 1\n" + text)
    with pytest.raises(SettingsError) as caught:
        load_keys(path)
    told = [re.sub(r"^:(\d+:)? ", "", line.removeprefix(str(path))) for line in caught.value.lines]
    assert told == expected
    assert "hush" not in str(caught.value)


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text("version = 1\n" + KEY + 'secret_file = "none.key"')
    with pytest.raises(SettingsError) as caught:
        load_keys(path)
    missing = tmp_path / "none.key"
    assert caught.value.lines == (
        f"{path}:4: key[1].secret_file: cannot read {missing} (No such file or directory): correct the path",
    )
