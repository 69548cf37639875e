"""What a receiver verifies: what daemons sent counts, each fault has its word, and no octets raise an error."""

import random
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.speaking.routers import COOKIE, WALL, adverts, carp, composer, verifier, vrrp
from vrrpwatch.agent.config.routers import Router, VrrpRouter
from vrrpwatch.agent.speaking.frames import Composer
from vrrpwatch.agent.speaking.sequences import Sequences
from vrrpwatch.agent.speaking.verifying import Addressed, Refused, Verified, Verifier, addressed
from vrrpwatch.core.machine.settings import Advert, CarpAdvert, VrrpAdvert
from vrrpwatch.core.model import NANOSECONDS
from vrrpwatch.wire.checksum import internet_checksum

A, B, C = "192.0.2.11", "192.0.2.12", "192.0.2.13"
KEY = "0123456789abcdef0123456789abcdef"
SECOND = NANOSECONDS
SAID = VrrpAdvert(150, 1.0)


def packet(router: Router, source: str = A, advert: Advert | None = None) -> bytes:
    said = SAID if isinstance(router, VrrpRouter) else CarpAdvert(1, 0)
    return composer(router, source).compose(advert or said, WALL)[0]


def mended(data: bytes, at: int, value: int) -> bytes:
    """An octet changed in a plain message of IPv4, and the checksum made right again."""
    message = bytearray(data[20:])
    message[at - 20] = value
    message[6:8] = bytes(2)
    message[6:8] = internet_checksum(bytes(message)).to_bytes(2)
    return data[:20] + bytes(message)


@pytest.mark.parametrize(
    ("name", "router", "source", "advert"),
    [
        ("keepalived-v2-healthy", vrrp(version=2), A, SAID),
        ("keepalived-ah", vrrp(version=2, auth=("ah", "labsecrt")), A, SAID),
        ("simple-password", vrrp(version=2, auth=("simple", "open-lab")), A, SAID),
        ("keepalived-v3-dual-stack-healthy", vrrp(id=61, interval=0.25), A, VrrpAdvert(200, 0.25)),
        (
            "keepalived-v3-dual-stack-healthy",
            vrrp(id=61, interval=0.25, addresses=["fe80::1/64", "2001:db8:0:1::1/64"]),
            "fe80::11",
            VrrpAdvert(200, 0.25),
        ),
        ("frr-v3-healthy", vrrp(id=5, interval=0.5), A, VrrpAdvert(200, 0.5)),
        ("ucarp-healthy", carp(), A, CarpAdvert(1, 0)),
    ],
)
def test_what_daemons_sent_counts(name: str, router: Router, source: str, advert: Advert) -> None:
    mine = verifier(router, B if router.family == 4 else "fe80::99")
    recorded = adverts(name, source)[:4]
    assert len(recorded) == 4
    assert [mine.verify(one, WALL) for one in recorded] == [Verified(ip_address(source), advert)] * 4


def test_peers_of_keepalived() -> None:
    mine = verifier(vrrp(version=2, id=52, addresses=["192.0.2.2/24"], peers=[A, C]), B)
    to_b = [one for one in adverts("keepalived-unicast", A) if one[16:20] == ip_address(B).packed]
    assert mine.verify(to_b[0], WALL) == Verified(ip_address(A), SAID)
    # A peer may be behind a router.
    assert mine.verify(to_b[0][:8] + b"\x3f" + to_b[0][9:], WALL) == Verified(ip_address(A), SAID)


def test_resignations_count() -> None:
    resigning = packet(vrrp(), advert=VrrpAdvert(0, 1.0))
    assert verifier(vrrp(), B).verify(resigning, WALL) == Verified(ip_address(A), VrrpAdvert(0, 1.0))
    bowing = packet(carp(), advert=CarpAdvert(255, 255))
    verdict = verifier(carp(), B).verify(bowing, WALL)
    assert isinstance(verdict, Verified)
    assert verdict.advert.resigns


def test_what_this_host_sends_itself_is_nothing() -> None:
    to_all = vrrp(peers=[A, B])
    assert verifier(to_all, A).verify(packet(to_all), WALL) is None
    six = vrrp(addresses=["fe80::1/64"], peers=["fe80::11", "fe80::12"])
    assert verifier(six, "fe80::11").verify(packet(six, "fe80::11"), WALL) is None


def test_an_advert_to_the_group_from_this_hosts_address_is_another_hosts() -> None:
    assert verifier(vrrp(), A).verify(packet(vrrp()), WALL) == Refused("duplicate-source")
    six = vrrp(addresses=["fe80::1/64"])
    assert verifier(six, "fe80::11").verify(packet(six, "fe80::11"), WALL) == Refused("duplicate-source")


V2, V3, V6 = vrrp(version=2), vrrp(), vrrp(addresses=["fe80::1/64"])
SIMPLE, AH = vrrp(version=2, auth=("simple", "open-lab")), vrrp(version=2, auth=("ah", "labsecrt"))
HMAC, HMAC6 = vrrp(auth=("hmac", KEY)), vrrp(addresses=["fe80::1/64"], auth=("hmac", KEY))
CARP, OTHER_CARP = carp(id=51), carp(id=51, passphrase_file="lap")  # noqa: S106
PLAIN, PLAIN6, AHEAD, SIGNED, SIGNED6 = (
    packet(V2),
    packet(V6, "fe80::11"),
    packet(AH),
    packet(HMAC),
    packet(HMAC6, "fe80::11"),
)


def put(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes((value,)) + data[at + 1 :]


@pytest.mark.parametrize(
    ("router", "data", "word"),
    [
        pytest.param(V2, put(PLAIN, 8, 254), "bad-ttl", id="TTL 254"),
        pytest.param(V6, put(PLAIN6, 7, 254), "bad-ttl", id="hop limit 254"),
        pytest.param(CARP, put(packet(CARP), 8, 254), "bad-ttl", id="TTL 254 of CARP"),
        pytest.param(V2, put(PLAIN, 22, 151), "bad-checksum", id="priority changed"),
        pytest.param(V3, put(packet(V3), 22, 151), "bad-checksum", id="priority changed in version 3"),
        pytest.param(V6, put(PLAIN6, 42, 151), "bad-checksum", id="priority changed in IPv6"),
        pytest.param(CARP, put(packet(CARP), 22, 1), "bad-checksum", id="advskew changed"),
        pytest.param(V2, mended(PLAIN, 20, 0x22), "malformed", id="type 2"),
        pytest.param(V2, mended(PLAIN, 20, 0x41), "malformed", id="version 4"),
        pytest.param(V2, mended(PLAIN, 23, 2), "malformed", id="an address too few"),
        pytest.param(V2, mended(PLAIN, 25, 0), "malformed", id="interval 0"),
        pytest.param(V2, PLAIN[:-1], "malformed", id="cut"),
        pytest.param(V2, put(PLAIN, 6, 0x20), "malformed", id="a fragment"),
        pytest.param(V2, put(PLAIN, 9, 4), "malformed", id="another protocol"),
        pytest.param(V2, packet(V3), "version-mismatch", id="version 3 for 2"),
        pytest.param(V3, PLAIN, "version-mismatch", id="version 2 for 3"),
        pytest.param(V2, packet(V2, advert=VrrpAdvert(150, 2.0)), "interval-mismatch", id="another interval"),
        pytest.param(V2, packet(SIMPLE), "auth-mismatch", id="a password that nobody asked for"),
        pytest.param(SIMPLE, PLAIN, "auth-mismatch", id="no password"),
        pytest.param(SIMPLE, packet(vrrp(version=2, auth=("simple", "open-la"))), "auth-mismatch", id="another one"),
        pytest.param(V2, AHEAD, "auth-mismatch", id="AH that nobody asked for"),
        pytest.param(AH, PLAIN, "auth-mismatch", id="no AH"),
        pytest.param(V2, mended(PLAIN, 24, 2), "auth-mismatch", id="AH announced but absent"),
        pytest.param(V2, mended(PLAIN, 24, 254), "auth-mismatch", id="Cisco's MD5"),
        pytest.param(V3, SIGNED, "auth-mismatch", id="a trailer that nobody asked for"),
        pytest.param(HMAC, packet(V3), "auth-mismatch", id="no trailer"),
        pytest.param(HMAC, put(SIGNED, 33, 6), "auth-mismatch", id="another key's number"),
        pytest.param(HMAC, put(SIGNED, 32, 2), "auth-mismatch", id="another digest"),
        pytest.param(HMAC, put(SIGNED, 34, 1), "malformed", id="a trailer's reserved octets"),
        pytest.param(AH, put(AHEAD, 43, 0), "auth-failed", id="ICV changed"),
        pytest.param(AH, put(AHEAD, 31, 1), "auth-failed", id="sequence changed"),
        pytest.param(AH, packet(vrrp(version=2, auth=("ah", "other"))), "auth-failed", id="another AH key"),
        pytest.param(HMAC, put(SIGNED, 59, 0), "auth-failed", id="digest changed"),
        pytest.param(HMAC, put(SIGNED, 43, 9), "auth-failed", id="counter changed"),
        pytest.param(HMAC, packet(vrrp(auth=("hmac", "x" * 32))), "auth-failed", id="another HMAC key"),
        pytest.param(HMAC6, put(SIGNED6, 87, 0), "bad-checksum", id="digest changed in IPv6"),
        pytest.param(CARP, packet(OTHER_CARP), "auth-failed", id="another passphrase"),
        pytest.param(CARP, packet(carp(id=51, addresses=["192.0.2.3/24"])), "auth-failed", id="another address"),
        pytest.param(V2, packet(vrrp(version=2, addresses=["192.0.2.9/24"])), "vrid-collision", id="a stranger"),
        pytest.param(V2, packet(CARP), "shared-virtual-mac", id="CARP with the VRID"),
        pytest.param(CARP, PLAIN, "shared-virtual-mac", id="VRRP with the vhid"),
    ],
)
def test_faults(router: Router, data: bytes, word: str) -> None:
    mine = verifier(router, B if router.family == 4 else "fe80::12")
    # What is remembered says the same again.
    assert [mine.verify(data, WALL) for _ in range(2)] == [Refused(word)] * 2  # type: ignore[arg-type]  # one of them


@pytest.mark.parametrize("rule", ["plain", "pseudo-header"])
@pytest.mark.parametrize("own", ["plain", "pseudo-header"])
def test_either_checksum_of_version_3_counts(rule: str, own: str) -> None:
    verdict = verifier(vrrp(checksum=own), B).verify(packet(vrrp(checksum=rule)), WALL)
    assert verdict == Verified(ip_address(A), SAID, () if rule == own else ("checksum-variant",))


def test_old_keepaliveds_checksum_to_a_peer_counts() -> None:
    multicast = packet(vrrp(), advert=SAID)
    unicast = packet(vrrp(peers=[B]), advert=SAID)
    old = unicast[:26] + multicast[26:28] + unicast[28:]
    verdict = verifier(vrrp(peers=[A]), B).verify(old, WALL)
    assert verdict == Verified(ip_address(A), SAID, ("checksum-variant",))


@pytest.mark.parametrize(
    "theirs", [["192.0.2.1/24", "192.0.2.2/24"], ["192.0.2.1/24"], ["192.0.2.2/24", "192.0.2.4/24"]]
)
def test_lists_that_overlap_count(theirs: list[str]) -> None:
    mine = vrrp(addresses=["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"])
    verdict = verifier(mine, B).verify(packet(vrrp(addresses=theirs)), WALL)
    assert verdict == Verified(ip_address(A), SAID, ("address-mismatch",))


def test_the_order_of_addresses_is_nobodys_business() -> None:
    mine, theirs = (
        vrrp(addresses=given) for given in (["192.0.2.1/24", "192.0.2.2/24"], ["192.0.2.2/24", "192.0.2.1/24"])
    )
    assert verifier(mine, B).verify(packet(theirs), WALL) == Verified(ip_address(A), SAID)


def test_no_address_at_all_is_a_mismatch() -> None:
    """Seen in the field: VRRPv2 of 16 octets."""
    bare = PLAIN[:3] + b"\x24" + PLAIN[4:28] + bytes(8)
    verdict = verifier(V2, B).verify(mended(bare, 23, 0), WALL)
    assert verdict == Verified(ip_address(A), SAID, ("address-mismatch",))


def test_version_3_learns_another_interval() -> None:
    """RFC 9568 §6.1; 0.29 s is no float that 29 hundredths give."""
    mine = verifier(vrrp(interval=0.29), B)
    assert mine.verify(packet(vrrp(), advert=VrrpAdvert(150, 0.29)), WALL) == Verified(
        ip_address(A), VrrpAdvert(150, 0.29)
    )
    other = mine.verify(packet(vrrp(), advert=VrrpAdvert(150, 0.3)), WALL)
    assert other == Verified(ip_address(A), VrrpAdvert(150, 0.3), ("interval-mismatch",))


def test_another_advbase_counts() -> None:
    verdict = verifier(CARP, B).verify(packet(CARP, advert=CarpAdvert(3, 7, 2)), WALL)
    assert verdict == Verified(ip_address(A), CarpAdvert(3, 7, 2), ("interval-mismatch",))


def said_twice(router: Router) -> tuple[Composer, Verifier]:
    return composer(router, A), verifier(router, B)


@pytest.mark.parametrize("router", [AH, HMAC], ids=["AH", "trailer"])
def test_what_is_replayed_is_refused(router: Router) -> None:
    said, mine = said_twice(router)
    first, second = (said.compose(SAID, WALL)[0] for _ in range(2))
    genuine = Verified(ip_address(A), SAID)
    assert mine.verify(first, WALL) == genuine
    assert mine.verify(first, WALL) == Refused("replay")
    assert mine.verify(second, WALL) == genuine
    assert mine.verify(first, WALL) == Refused("replay")
    # Each source has its own numbers.
    assert mine.verify(composer(router, C).compose(SAID, WALL)[0], WALL) == Verified(ip_address(C), SAID)


def test_whoever_has_the_key_must_keep_to_the_interval_too() -> None:
    said, mine = said_twice(AH)
    assert mine.verify(said.compose(VrrpAdvert(150, 2.0), WALL)[0], WALL) == Refused("interval-mismatch")


def test_a_trailer_from_another_time_is_refused() -> None:
    assert verifier(HMAC, B).verify(SIGNED, WALL + 5 * SECOND) == Verified(ip_address(A), SAID)
    assert verifier(HMAC, B).verify(SIGNED, WALL + 6 * SECOND) == Refused("replay")
    assert verifier(HMAC, B).verify(SIGNED, WALL - 6 * SECOND) == Refused("replay")


def test_a_forged_number_moves_no_mark() -> None:
    """Or one packet of a stranger would silence a router for good."""
    for router, places in ((AH, range(28, 32)), (HMAC, range(40, 44))):
        said, mine = said_twice(router)
        genuine = said.compose(SAID, WALL)[0]
        forged = bytearray(genuine)
        for place in places:
            forged[place] = 0xFF
        assert mine.verify(bytes(forged), WALL) == Refused("auth-failed")
        assert mine.verify(genuine, WALL) == Verified(ip_address(A), SAID)


def test_ones_own_ah_is_ahead_of_what_was_heard() -> None:
    """keepalived has one number for all hosts of a router."""
    sequences = Sequences(1)
    ahead = composer(AH, A).compose(SAID, WALL + 3600 * SECOND)[0]
    assert verifier(AH, B, sequences).verify(ahead, WALL) == Verified(ip_address(A), SAID)
    answer = composer(AH, B, sequences).compose(SAID, WALL)[0]
    assert int.from_bytes(answer[28:32]) == int.from_bytes(ahead[28:32]) + 1


def test_ones_own_carp_that_another_sends_is_refused() -> None:
    mine = verifier(CARP, B, Sequences(COOKIE))
    assert mine.verify(packet(CARP), WALL) == Refused("replay")
    # What OpenBSD does is none: it has one number for as long as it runs.
    assert [verifier(CARP, B).verify(packet(CARP), WALL) for _ in range(2)] == [
        Verified(ip_address(A), CarpAdvert(1, 0))
    ] * 2


@pytest.mark.parametrize(
    ("data", "to"),
    [
        (PLAIN, Addressed(51, ip_address(A).packed, multicast=True)),
        (AHEAD, Addressed(51, ip_address(A).packed, multicast=True)),
        (PLAIN6, Addressed(51, ip_address("fe80::11").packed, multicast=True)),
        (packet(vrrp(peers=[B])), Addressed(51, ip_address(A).packed, multicast=False)),
        (b"", None),
        (PLAIN[:21], None),
        (AHEAD[:45], None),
        (b"\x44" + PLAIN[1:], None),
    ],
)
def test_whose_a_packet_is(data: bytes, to: Addressed | None) -> None:
    assert addressed(data) == to


ROUTERS = (V2, V3, V6, SIMPLE, AH, HMAC, HMAC6, CARP, carp(id=51, addresses=["fe80::1/64"]))
SEEDS = [packet(router, A if router.family == 4 else "fe80::11") for router in ROUTERS]


@given(data=st.binary(max_size=120), family=st.sampled_from((b"", b"\x45", b"\x60")))
def test_no_octets_raise_an_error(data: bytes, family: bytes) -> None:
    addressed(family + data)
    for router in ROUTERS:
        verifier(router, B if router.family == 4 else "fe80::12").verify(family + data, WALL)


@given(
    seed=st.sampled_from(SEEDS),
    places=st.lists(st.tuples(st.integers(0, 119), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 119) | st.none(),
    more=st.binary(max_size=40),
)
def test_nothing_that_was_changed_counts_as_signed(
    seed: bytes, places: list[tuple[int, int]], cut: int | None, more: bytes
) -> None:
    """Neither raises an error, and with a key only what the key was used on counts."""
    changed = bytearray(seed)
    for place, value in places:
        if place < len(changed):
            changed[place] = value
    data = bytes(changed[:cut] if cut is not None else changed) + more
    addressed(data)
    for router in ROUTERS:
        verdict = verifier(router, B if router.family == 4 else "fe80::12").verify(data, WALL)
        if isinstance(verdict, Verified) and router in (AH, HMAC, HMAC6):
            # What IP may change on the way is not covered.
            start = 20 if router.family == 4 else 40
            assert any(data[start:] == one[start:] or one[start:] == data[start : len(one)] for one in SEEDS)


def test_random_octets_raise_no_error_and_grow_nothing() -> None:
    chance = random.Random(7)
    every = [verifier(router, B if router.family == 4 else "fe80::12") for router in ROUTERS]
    for _ in range(3000):
        seed = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randrange(1, 6)):
            seed[chance.randrange(len(seed))] = chance.randrange(256)
        for one in every:
            one.verify(bytes(seed), WALL)
    assert all(len(one._remembered) <= 64 for one in every)
