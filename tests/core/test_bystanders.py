"""Which answers need no second look: those that no group disputes."""

from ipaddress import IPv4Address

import pytest

from tests.core.builders import SEGMENT, VIP, carp, instant, mac_of, vrrp
from vrrpwatch.core import bystanders
from vrrpwatch.core.bystanders import Bystanders
from vrrpwatch.core.model import Advert
from vrrpwatch.wire.values import Arp

VIRTUAL, OTHER = "00:00:5e:00:01:33", "00:00:5e:00:01:34"
A, HOST, FREE = "10.0.0.1", "10.0.0.77", "10.0.0.200"


def arp(mac: str, ip: str = VIP, target: str = HOST) -> Arp:
    return Arp(2, mac, IPv4Address(ip), mac_of(target), IPv4Address(target))


def heard(*adverts: Advert) -> Bystanders:
    known = Bystanders()
    for advert in adverts:
        known.concern(advert, instant(0))
    return known


@pytest.mark.parametrize(
    ("answer", "undisputed"),
    [
        (arp(VIRTUAL), True),
        (arp(OTHER), False),
        (arp(mac_of(A)), False),
        (arp(VIRTUAL, target=VIP), False),
        (arp(VIRTUAL, FREE), True),
    ],
    ids=["its own", "another group's", "a card's", "an announcement", "of no concern"],
)
def test_answers_about_the_address_of_a_group(answer: Arp, undisputed: bool) -> None:
    assert heard(vrrp(A, vrid=51)).undisputed(SEGMENT, answer) is undisputed


def test_two_groups_with_one_address_dispute_every_answer() -> None:
    known = heard(vrrp(A, vrid=51), vrrp(A, vrid=52))
    assert not known.undisputed(SEGMENT, arp(VIRTUAL))
    assert not known.undisputed(SEGMENT, arp(OTHER))
    assert known.undisputed("eth1", arp(OTHER))


def test_what_a_group_with_untold_addresses_may_have_been_announced() -> None:
    known = heard(carp(A, vhid=51))
    assert known.undisputed(SEGMENT, arp(VIRTUAL, FREE))
    known.announce(SEGMENT, arp(VIRTUAL, FREE, FREE))
    assert known.undisputed(SEGMENT, arp(VIRTUAL, FREE))
    assert not known.undisputed(SEGMENT, arp(OTHER, FREE))
    known.announce(SEGMENT, arp(OTHER, FREE, FREE))
    assert not known.undisputed(SEGMENT, arp(VIRTUAL, FREE))


def test_an_announcement_from_a_card_leaves_every_answer_open() -> None:
    known = heard(carp(A, vhid=51))
    known.announce(SEGMENT, arp(mac_of(A), FREE, FREE))
    assert not known.undisputed(SEGMENT, arp(mac_of(A), FREE))


def test_beyond_the_bounds_every_answer_may_be_disputed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bystanders, "MAX_CLAIMED", 1)
    assert not heard(vrrp(A, addresses=(VIP, FREE))).undisputed(SEGMENT, arp(VIRTUAL))
    known = heard()
    known.announce(SEGMENT, arp(VIRTUAL, FREE, FREE))
    assert known.undisputed(SEGMENT, arp(VIRTUAL))
    known.announce(SEGMENT, arp(VIRTUAL, VIP, VIP))
    assert not known.undisputed(SEGMENT, arp(VIRTUAL))
