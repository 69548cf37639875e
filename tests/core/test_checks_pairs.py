"""What makes speakers reject each other: found in one sweep, it is what comparing each with each finds."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tests.core.builders import carp, vrrp
from vrrpwatch.core.checks_pairs import mismatches, rejections
from vrrpwatch.core.model import Advert

HOSTS = tuple(f"10.0.0.{host}" for host in range(1, 7))
ADDRESSES = (None, (), ("10.0.0.100",), ("10.0.0.101",), ("10.0.0.100", "10.0.0.101"), ("10.0.0.102",))


@st.composite
def groups(draw: st.DrawFn) -> list[Advert]:
    if draw(st.booleans()):
        return [carp(host, advbase=draw(st.integers(1, 2))) for host in HOSTS[: draw(st.integers(1, 6))]]
    return [
        vrrp(
            host,
            version=draw(st.sampled_from((2, 3))),
            interval=draw(st.sampled_from((1, 2))),
            addresses=draw(st.sampled_from(ADDRESSES)),
            auth=draw(st.sampled_from(("none", "simple", "ah", None))),
            auth_type=draw(st.sampled_from((None, 7))),
            password=draw(st.sampled_from((None, b"one", b"two"))),
            checksum=draw(st.sampled_from(("plain", "pseudo-header", "bad", None))),
        )
        for host in HOSTS[: draw(st.integers(1, 6))]
    ]


@given(groups())
def test_rejections_are_the_matters_of_all_pairs(speakers: list[Advert]) -> None:
    pairs = combinations(speakers, 2)
    found = {mismatch.matter for one, other in pairs for mismatch in mismatches(one, other, False)}
    assert rejections(speakers) == found - {None}


def test_what_rejections_name() -> None:
    assert rejections([vrrp(HOSTS[0]), vrrp(HOSTS[1])]) == set()
    assert rejections([vrrp(HOSTS[0]), vrrp(HOSTS[1], interval=3)]) == {"intervals"}
    assert rejections([vrrp(HOSTS[0]), vrrp(HOSTS[1], version=3)]) == {"versions"}
    assert rejections([carp(HOSTS[0]), carp(HOSTS[1], advbase=2)]) == set()
