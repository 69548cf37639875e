"""Who claims an address, as packets tell: real frames, taken in as the listening child takes them."""

import io
import random
from ipaddress import ip_address
from typing import Any

import pytest

from tests.conformance.stage import pcapng, play
from vrrpwatch.agent.auditing.claiming import MAX_CARDS, Claims
from vrrpwatch.agent.auditing.objections import Claim
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.capture.session import WANTED

FOUR, SIX = ip_address("192.0.2.100"), ip_address("fe80::100")
MAC = "02:00:00:00:00:09"


def heard(*lines: dict[str, Any]) -> frozenset[Claim]:
    """What a script's lines teach of the two addresses on eth0."""
    data = pcapng(play({"hear": [{"who": "A", "at": [1.0], **line} for line in lines]}), ["eth0", "eth1"], [])
    claims = Claims([("eth0", FOUR), ("eth0", SIX)])
    for batch in CaptureReader("script", 0, wanted=WANTED, stream=io.BytesIO(data)).batches():
        claims.look(batch)
    return claims.found


@pytest.mark.parametrize("kind", ["reply", "gratuitous", "announcement"])
def test_arp_that_claims(kind: str) -> None:
    line = {"say": "arp", "arp": kind, "ip": str(FOUR), "mac": MAC}
    assert heard(line) == {Claim("eth0", FOUR, MAC)}
    assert heard(line | {"interface": 1}) == frozenset(), "another segment"
    assert heard(line | {"vlans": [10]}) == frozenset(), "another segment"
    assert heard(line | {"ip": "192.0.2.101"}) == frozenset(), "another address"


def test_whoever_asks_claims_nothing() -> None:
    assert heard({"say": "arp", "arp": "request", "ip": str(FOUR), "mac": MAC}) == frozenset()
    assert heard({"say": "arp", "arp": "request", "ip": "192.0.2.1", "asks": str(FOUR), "mac": MAC}) == frozenset()


def test_neighbour_advertisements_claim() -> None:
    line = {"say": "na", "target": str(SIX), "target_mac": MAC}
    assert heard(line) == {Claim("eth0", SIX, MAC)}
    assert heard(line | {"solicited": True}) == {Claim("eth0", SIX, MAC)}
    # The last eight octets are the same.
    assert heard(line | {"target": "2001:db8::100"}) == frozenset()


def test_a_flood_of_claims_leaves_a_few_cards() -> None:
    flood = [
        {"say": "arp", "arp": "gratuitous", "ip": str(FOUR), "mac": f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}"}
        for n in range(600)
    ]
    assert len(heard(*flood)) == MAX_CARDS


def test_no_octets_make_it_stumble() -> None:
    chance = random.Random(7)
    sent = play({"hear": [{"who": "A", "at": [1.0], "say": "arp", "arp": "reply", "ip": str(FOUR)}] * 300})
    broken = []
    for packet in sent:
        octets = bytearray(packet.frame)
        for _ in range(chance.randrange(4)):
            octets[chance.randrange(12, 42)] = chance.randrange(256)
        broken.append(type(packet)(packet.at, "A", 1.0, bytes(octets[: chance.randrange(14, 61)]), 0))
    claims = Claims([("eth0", FOUR)])
    data = pcapng(broken, ["eth0"], [])
    for batch in CaptureReader("script", 0, wanted=WANTED, stream=io.BytesIO(data)).batches():
        claims.look(batch)
    assert {claim.address for claim in claims.found} == {FOUR}
