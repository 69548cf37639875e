"""The bytes of adverts and announcements: the same as keepalived, ucarp and FRR sent in the sample captures."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from tests.agent.speaking.routers import COOKIE, WALL, adverts, carp, composer, frames, verifier, vrrp
from tests.wire.frames import octets
from tests.wire.test_auth import KEY, SIGNED, SIGNED6, UNICAST
from vrrpwatch.agent.config.routers import Router, VrrpAuth
from vrrpwatch.agent.speaking.frames import announcement, gratuitous_arp
from vrrpwatch.agent.speaking.sequences import Sequences
from vrrpwatch.agent.speaking.verifying import Verified
from vrrpwatch.core.machine.settings import Advert, CarpAdvert, VrrpAdvert
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.wire.auth import carp_digest, trailer_digest
from vrrpwatch.wire.checksum import internet_checksum
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.protocol112 import decode_advert
from vrrpwatch.wire.values import Carp, Vrrp

A, B, C = "192.0.2.11", "192.0.2.12", "192.0.2.13"
BETTER = VrrpAdvert(150, 1.0)


def decoded(packet: bytes) -> Vrrp | Carp:
    message = decode_advert(dissect(packet, 101, len(packet)))
    assert isinstance(message, Vrrp | Carp)
    return message


@pytest.mark.parametrize(
    ("name", "router", "advert"),
    [
        ("keepalived-v2-healthy", vrrp(version=2), BETTER),
        ("simple-password", vrrp(version=2, auth=("simple", "open-lab")), BETTER),
        ("keepalived-v3-dual-stack-healthy", vrrp(id=61, interval=0.25), VrrpAdvert(200, 0.25)),
    ],
)
def test_packets_are_keepaliveds(name: str, router: Router, advert: Advert) -> None:
    said = composer(router, A)
    recorded = adverts(name, A)[:8]
    assert len(recorded) == 8
    assert [said.compose(advert, WALL) for _ in recorded] == [[packet] for packet in recorded]


def test_a_resignation_is_keepaliveds() -> None:
    said = composer(vrrp(version=2), A, Sequences(COOKIE))
    recorded = adverts("keepalived-resign", A)
    made = [said.compose(BETTER, WALL) for _ in recorded[:-1]] + [said.compose(VrrpAdvert(0, 1.0), WALL)]
    assert made == [[packet] for packet in recorded]


def test_peers_each_get_keepaliveds_copy() -> None:
    router = vrrp(version=2, id=52, addresses=["192.0.2.2/24"], peers=[B, C])
    said = composer(router, A)
    recorded = adverts("keepalived-unicast", A)[:6]
    assert said.destinations == (IPv4Address(B), IPv4Address(C))
    assert [packet for _ in range(3) for packet in said.compose(BETTER, WALL)] == recorded


def test_ah_is_keepaliveds() -> None:
    """Its sequence numbers begin at 1, ours with the time: at the beginning of ours they are the same."""
    said = composer(vrrp(version=2, auth=("ah", "labsecrt")), A)
    recorded = adverts("keepalived-ah", A)[:4]
    assert [said.compose(BETTER, 0) for _ in recorded] == [[packet] for packet in recorded]


def test_ah_to_a_peer_is_keepaliveds_too() -> None:
    router = vrrp(version=2, id=52, addresses=["10.99.0.253/24"], peers=["10.99.0.2"], auth=("ah", "k3yabcde"))
    assert composer(router, "10.99.0.1").compose(VrrpAdvert(104, 1.0), 0) == [UNICAST]


def test_ipv6_is_keepaliveds_but_for_the_kernels_flow_label() -> None:
    router = vrrp(id=61, interval=0.25, addresses=["fe80::1/64", "2001:db8:0:1::1/64"])
    (packet,) = composer(router, "fe80::11").compose(VrrpAdvert(200, 0.25), WALL)
    recorded = adverts("keepalived-v3-dual-stack-healthy", "fe80::11")[0]
    assert packet[:4] == octets("6c000000")
    assert recorded[:2] == octets("6c0c")
    assert packet[4:] == recorded[4:]


def test_frrs_message_is_the_same() -> None:
    (packet,) = composer(vrrp(id=5, interval=0.5), A).compose(VrrpAdvert(200, 0.5), WALL)
    assert packet[20:] == adverts("frr-v3-healthy", A)[0][20:]


def test_the_plain_camp_leaves_the_addresses_out() -> None:
    """WIRE: FRR's example, 0x7be5 without the pseudo-header and 0x1048 with it."""
    given = {"id": 1, "addresses": ["192.168.202.100/24"], "interval": 40.0}
    plain, pseudo = (
        composer(vrrp(**given, checksum=rule), "192.168.202.101").compose(VrrpAdvert(200, 40.0), WALL)[0][20:]
        for rule in ("plain", "pseudo-header")
    )
    assert plain[:6] == pseudo[:6] == octets("3101c8010fa0")
    assert internet_checksum(plain) == 0
    assert internet_checksum(octets("c0a8ca65 e0000012 0070000c") + pseudo) == 0


def test_carp_is_ucarps_for_ucarps_number() -> None:
    """ucarp draws another number each time, so the cookie is set to the recorded one."""
    recorded = adverts("ucarp-healthy", A)[0][20:]
    counter = int.from_bytes(recorded[8:16])
    (packet,) = composer(carp(), A, Sequences(counter)).compose(CarpAdvert(1, 0), WALL)
    assert packet[20:] == recorded
    assert packet[:10] == octets("45c00038000100 00ff70")


def test_carp_bows_out_and_tells_its_demotion() -> None:
    said = composer(carp(), A)
    bowing = decoded(said.compose(CarpAdvert(255, 255, 3), WALL)[0])
    assert isinstance(bowing, Carp)
    assert (bowing.advbase, bowing.advskew, bowing.demotion, bowing.counter) == (255, 255, 3, COOKIE)
    assert bowing.digest == carp_digest(b"lab", 42, [IPv4Address("192.0.2.2")], COOKIE)


def test_carp_for_ipv6_has_its_plain_checksum() -> None:
    (packet,) = composer(carp(addresses=["2001:db8::1/64"]), "fe80::1").compose(CarpAdvert(1, 0), WALL)
    assert packet[24:40] == IPv6Address("ff02::12").packed
    assert internet_checksum(packet[40:]) == 0


@pytest.mark.parametrize(("address", "source"), [("192.0.2.1/24", A), ("fe80::1/64", "fe80::11")])
def test_a_trailer_is_signed_and_its_time_grows(address: str, source: str) -> None:
    key = "0123456789abcdef0123456789abcdef"
    said = composer(vrrp(addresses=[address], auth=("hmac", key)), source)
    first, second = (said.compose(BETTER, WALL)[0] for _ in range(2))
    for packet, counter in ((first, 0), (second, 1)):
        message = decoded(packet)
        assert isinstance(message, Vrrp)
        trailer = message.trailer
        assert trailer is not None
        # 2026-01-31 21:03:07.5 UTC.
        assert trailer[:5] == (1, 5, 1_769_893_387, 0x8000, counter)
        assert packet[-16:] == trailer_digest(key.encode(), packet[40 if ":" in address else 20 :], ip_address(source))


@pytest.mark.parametrize(
    ("given", "source", "image"),
    [
        ({"addresses": ["192.0.2.100/24"], "checksum": "plain"}, "198.51.100.10", SIGNED),
        ({"addresses": ["fe80::100/64"], "peers": ["fe80::20"]}, "fe80::10", SIGNED6),
    ],
    ids=["IPv4", "IPv6"],
)
def test_a_signed_advert_is_that_of_the_draft(given: dict[str, object], source: str, image: bytes) -> None:
    """Which keepalived 2.4 implements; its time is half a second after 0x68000000."""
    auth = VrrpAuth.model_construct(type="hmac", key_id=1, secret_file=KEY)
    router = vrrp(**given).model_copy(update={"auth": auth})
    wall = 0x6800_0000 * NANOSECONDS + NANOSECONDS // 2
    (packet,) = composer(router, source).compose(VrrpAdvert(200, 1.0), wall)
    assert packet[-len(image) :] == image
    verdict = verifier(router, A if router.family == 4 else "fe80::20").verify(packet, wall)
    assert verdict == Verified(ip_address(source), VrrpAdvert(200, 1.0))


def test_all_peers_get_one_signature() -> None:
    said = composer(vrrp(peers=[B, C], auth=("hmac", "k" * 32)), A)
    one, other = said.compose(BETTER, WALL)
    assert one[-28:] == other[-28:]
    # But each its own checksum.
    assert one[26:28] != other[26:28]


def test_an_advert_of_the_other_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="of the other protocol"):
        composer(vrrp(), A).compose(CarpAdvert(1, 0), WALL)


def test_a_gratuitous_arp_is_keepaliveds() -> None:
    made = gratuitous_arp(IPv4Address("192.0.2.1"), "02:00:00:00:00:11")
    assert frames("keepalived-v2-healthy").count(made) == 10
    assert announcement(IPv4Address("192.0.2.1"), "02:00:00:00:00:11", router=True) == made


def test_the_other_form_is_a_reply() -> None:
    request = gratuitous_arp(IPv4Address("192.0.2.1"), "02:00:00:00:00:11")
    reply = gratuitous_arp(IPv4Address("192.0.2.1"), "02:00:00:00:00:11", reply=True)
    assert reply == request[:20] + b"\0\2" + request[22:]


@pytest.mark.parametrize("address", ["fe80::1", "2001:db8:0:1::1"])
def test_an_unsolicited_advertisement_is_keepaliveds(address: str) -> None:
    """Its host forwarded nothing."""
    made = announcement(IPv6Address(address), "02:00:00:00:00:11", router=False)
    assert made in frames("keepalived-v3-dual-stack-healthy")
    assert announcement(IPv6Address(address), "02:00:00:00:00:11", router=True)[58] == 0xA0
