"""Announcements around takeovers, played on a virtual clock: A and B share 10.0.0.100, X is a stranger."""

from ipaddress import ip_address

import pytest

from tests.core.arp_play import Play
from tests.core.builders import VIP, carp, hsrp, instant, mac_of, vrrp
from vrrpwatch.core import claimants, claims, neighbours
from vrrpwatch.core.model import Evidence, Finding, GroupKey

A, B, X = "10.0.0.1", "10.0.0.2", "10.0.0.66"
MAC_A, MAC_B, MAC_X = mac_of(A), mac_of(B), mac_of(X)
VMAC = "00:00:5e:00:01:33"
UCARP = "00:00:5e:00:00:33"


@pytest.fixture
def play() -> Play:
    return Play()


def rules(found: dict[str, list[Finding]]) -> list[str]:
    return sorted(found)


def test_a_takeover_that_is_announced_is_clean(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(0.1).garp(MAC_A)
    play.at(10).takes_over(vrrp(B))
    play.at(10.001).garp(MAC_B)
    assert play.end(30) == {}


def test_a_takeover_announced_from_the_virtual_mac_is_clean(play: Play) -> None:
    play.at(0).appears(vrrp(A, mac=VMAC))
    play.at(0.1).garp(VMAC)
    play.at(10).takes_over(vrrp(B, mac=VMAC))
    play.at(10.1).garp(VMAC, operation=2)
    assert play.end(30) == {}


def test_nobody_announces_and_the_old_announcement_stands(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(0.1).garp(MAC_A)
    play.at(10).takes_over(vrrp(B))
    found = play.end(30)
    assert rules(found) == ["missing-garp", "stale-arp"]
    (stale,) = found["stale-arp"]
    assert (stale.subject, stale.first, stale.count) == (VIP, instant(10), 1)
    assert stale.evidence == (Evidence(0, 3), Evidence(0, 2))
    assert MAC_A in stale.summary
    assert MAC_B in stale.summary
    (missing,) = found["missing-garp"]
    assert (missing.subject, missing.evidence) == (B, (Evidence(0, 3),))


def test_without_any_announcement_ever_nothing_is_stale(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(1).request(MAC_X, X, VIP)
    play.at(10).takes_over(vrrp(B))
    assert rules(play.end(30)) == ["missing-garp"]


def test_a_capture_without_arp_says_nothing_about_announcements(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    assert play.end(30) == {}


def test_arp_heard_only_later_still_shows_that_the_capture_holds_arp(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    play.at(60).request(MAC_X, X)
    assert rules(play.end(61)) == ["missing-garp"]


@pytest.mark.parametrize(("announced", "expected"), [(15.0, []), (15.1, ["missing-garp"])])
def test_five_seconds_are_allowed_and_no_more(play: Play, announced: float, expected: list[str]) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    play.at(announced).garp(MAC_B)
    assert rules(play.end(60)) == expected


@pytest.mark.parametrize(("end", "expected"), [(14.9, []), (15.0, ["missing-garp"])])
def test_a_capture_that_ends_too_early_proves_nothing(play: Play, end: float, expected: list[str]) -> None:
    play.at(0).appears(vrrp(A))
    play.at(1).request(MAC_X, X)
    play.at(10).takes_over(vrrp(B))
    assert rules(play.end(end)) == expected


def test_a_takeover_that_is_reverted_at_once_is_not_judged(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(0.1).garp(MAC_A)
    play.at(10).takes_over(vrrp(B))
    play.at(12).takes_over(vrrp(A, priority=200))
    play.at(12.1).garp(MAC_A)
    assert play.end(40) == {}


def test_a_master_lost_again_is_not_judged(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(1).request(MAC_X, X)
    play.at(10).takes_over(vrrp(B))
    play.neighbours.lost(vrrp(B).group, instant(14))
    assert play.end(40) == {}


def test_a_later_announcement_by_the_old_master_is_stale(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    play.at(10.1).garp(MAC_B)
    play.at(100).garp(MAC_A)
    found = play.end(200)
    assert rules(found) == ["stale-arp"]
    (stale,) = found["stale-arp"]
    assert (stale.first, stale.evidence) == (instant(100), (Evidence(0, 2), Evidence(0, 4)))


def test_a_wrong_announcement_that_the_master_corrects_is_not_the_last(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    play.at(10.1).garp(MAC_B)
    play.at(100).garp(MAC_A)
    play.at(100.5).garp(MAC_B)
    assert play.end(200) == {}


def test_an_announcement_just_before_its_sender_takes_over_is_right(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(10).takes_over(vrrp(B))
    play.at(10.1).garp(MAC_B)
    play.at(99.5).garp(MAC_A)
    play.at(100).takes_over(vrrp(A))
    assert play.end(200) == {}


def test_what_is_announced_during_a_contest_is_judged_when_it_is_over(play: Play) -> None:
    group = vrrp(A).group
    play.at(0).appears(vrrp(A))
    play.at(0.1).garp(MAC_A)
    play.at(10).advertises(vrrp(B))
    play.at(10.1).garp(MAC_B)
    play.at(14.1).neighbours.contest(group, instant(10), None)
    play.at(64).neighbours.contest(group, instant(10), instant(60))
    found = play.end(100)
    assert rules(found) == ["stale-arp"]
    assert found["stale-arp"][0].first == instant(60)


def test_a_contest_that_lasts_is_no_stale_announcement(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(5).takes_over(vrrp(B))
    play.at(5.1).garp(MAC_B)
    play.at(20).advertises(vrrp(A))
    play.at(20.1).garp(MAC_A)
    play.at(24.1).neighbours.contest(vrrp(A).group, instant(20), None)
    assert play.end(100) == {}


def test_the_winner_of_a_contest_is_master_when_its_end_is_judged(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(0.1).garp(MAC_A)
    play.at(10).advertises(vrrp(B))
    play.at(10.1).garp(MAC_B)
    play.at(14.1).neighbours.contest(vrrp(A).group, instant(10), None)
    play.at(64).neighbours.contest(vrrp(A).group, instant(10), instant(60))
    play.neighbours.mastered(vrrp(B).group, vrrp(B), instant(10), Evidence(0, 3), True)
    assert play.end(100) == {}


@pytest.mark.parametrize("how", ["garp", "reply"])
def test_a_stranger_that_claims_the_address_is_a_conflict(play: Play, how: str) -> None:
    play.at(0).appears(vrrp(A))
    play.at(20)
    play.garp(MAC_X) if how == "garp" else play.reply(MAC_X)
    found = play.end(20.5)
    assert rules(found) == ["vip-conflict"]
    (conflict,) = found["vip-conflict"]
    assert (conflict.subject, conflict.count, conflict.evidence) == (VIP, 1, (Evidence(0, 2),))
    assert MAC_X in conflict.summary
    assert MAC_A in conflict.summary


def test_every_claim_counts_and_the_finding_is_one(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    for second in (20, 21, 40):
        play.at(second).reply(MAC_X)
    (conflict,) = play.end(60)["vip-conflict"]
    assert (conflict.count, conflict.first, conflict.last) == (3, instant(20), instant(40))


def test_a_conflict_is_raised_once_its_grace_is_over(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(20).garp(MAC_X)
    play.neighbours.advance(instant(25))
    assert play.findings.all() == ()
    play.neighbours.advance(instant(25.1))
    assert [finding.rule for finding in play.findings.all()] == ["vip-conflict"]


def test_an_ordinary_request_claims_nothing(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(20).request(MAC_X, VIP)
    assert play.end(60) == {}


def test_the_virtual_mac_of_another_group_is_foreign(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(20).garp("00:00:5e:00:01:34")
    assert rules(play.end(60)) == ["vip-conflict"]


def test_a_silent_backup_announces_just_before_it_advertises(play: Play) -> None:
    play.at(0).appears(vrrp(A))
    play.at(9.999).garp(MAC_B)
    play.at(10).takes_over(vrrp(B))
    assert play.end(60) == {}


def test_a_host_is_known_by_the_mac_of_its_own_address_too(play: Play) -> None:
    card = "02:aa:aa:aa:aa:01"
    play.at(0).appears(vrrp(A, mac=VMAC))
    play.at(1).request(card, A)
    play.at(20).reply(card)
    assert play.end(60) == {}


def test_a_master_on_a_virtual_mac_is_recognised_by_what_it_announces(play: Play) -> None:
    card = "02:aa:aa:aa:aa:01"
    play.at(0).appears(vrrp(A, mac=VMAC))
    play.at(2).garp(card)
    play.at(60).reply(card)
    assert play.end(100) == {}


def test_and_is_recognised_no_longer_than_around_its_takeover(play: Play) -> None:
    play.at(0).appears(vrrp(A, mac=VMAC))
    play.at(20).garp("02:aa:aa:aa:aa:01")
    assert rules(play.end(100)) == ["vip-conflict"]


def test_the_owner_of_the_address_may_claim_it(play: Play) -> None:
    play.at(0).appears(vrrp(VIP, priority=255))
    play.at(20).reply(mac_of(VIP))
    assert play.end(60) == {}


def test_claiming_the_owners_address_does_not_make_one_the_owner(play: Play) -> None:
    play.at(0).appears(vrrp(VIP, priority=255))
    play.at(20).reply(MAC_X)
    assert rules(play.end(60)) == ["vip-conflict"]


def test_neighbor_advertisements_announce_ipv6_addresses(play: Play) -> None:
    a, b = vrrp("fe80::1", version=3, addresses=("fe80::100",)), vrrp("fe80::2", version=3, addresses=("fe80::100",))
    play.at(0).appears(a)
    play.at(0.1).na(mac_of("fe80::1"), "fe80::100")
    play.at(10).takes_over(b)
    play.at(10.1).na(mac_of("fe80::2"), "fe80::100", solicited=True)
    found = play.end(60)
    assert rules(found) == ["missing-garp", "stale-arp"]
    assert found["stale-arp"][0].subject == "fe80::100"
    assert "Neighbor Advertisement" in found["missing-garp"][0].summary


def test_an_unsolicited_advertisement_is_announcement_enough(play: Play) -> None:
    play.at(0).appears(vrrp("fe80::1", version=3, addresses=("fe80::100",)))
    play.at(10).takes_over(vrrp("fe80::2", version=3, addresses=("fe80::100",)))
    play.at(10.1).na("00:00:5e:00:02:33", "fe80::100")
    assert play.end(60) == {}


def test_a_forwarded_neighbor_advertisement_claims_nothing(play: Play) -> None:
    play.at(0).appears(vrrp("fe80::1", version=3, addresses=("fe80::100",)))
    play.at(20).na(MAC_X, "fe80::100", hop_limit=64)
    assert play.end(60) == {}
    play.at(61).na(MAC_X, "fe80::100", solicited=True)
    assert rules(play.end(90)) == ["vip-conflict"]


def test_a_solicitation_teaches_and_claims_nothing(play: Play) -> None:
    card = "02:aa:aa:aa:aa:01"
    play.at(0).appears(vrrp("fe80::1", version=3, addresses=("fe80::100",), mac="00:00:5e:00:02:33"))
    play.at(1).ns(card, "fe80::1", "fe80::9")
    play.at(2).ns(MAC_X, "fe80::66", "fe80::100")
    play.at(20).na(card, "fe80::100")
    assert play.end(60) == {}


def test_arp_is_no_witness_for_an_ipv6_group(play: Play) -> None:
    play.at(0).appears(vrrp("fe80::1", version=3, addresses=("fe80::100",)))
    play.at(1).request(MAC_X, X)
    play.at(10).takes_over(vrrp("fe80::2", version=3, addresses=("fe80::100",)))
    assert play.end(60) == {}


def test_ucarp_announces_from_a_card_that_nobody_knew(play: Play) -> None:
    """Both routers advertise from ucarp's virtual MAC; only their announcements show their cards."""
    a, b = carp(A, mac=UCARP), carp(B, mac=UCARP, advskew=100)
    play.at(0).appears(a)
    play.at(0.1).garp("02:aa:aa:aa:aa:01")
    play.at(29.9).garp("02:aa:aa:aa:aa:02")
    play.at(30).takes_over(b)
    assert play.end(60) == {}
    assert play.neighbours.learnt(a.group) == (ip_address(VIP),)


def test_ucarp_without_an_announcement_leaves_the_old_one(play: Play) -> None:
    play.at(0).appears(carp(A, mac=UCARP))
    play.at(0.1).garp("02:aa:aa:aa:aa:01")
    play.at(30).takes_over(carp(B, mac=UCARP, advskew=100))
    found = play.end(60)
    assert rules(found) == ["missing-garp", "stale-arp"]
    assert found["stale-arp"][0].subject == VIP


def test_a_known_host_that_announces_its_own_address_is_no_carp_master(play: Play) -> None:
    play.at(0).appears(carp(A, mac=UCARP))
    play.at(1).request(MAC_X, X)
    play.at(30).takes_over(carp(B, mac=UCARP, advskew=100))
    play.at(30.2).garp(MAC_X, X)
    assert rules(play.end(60)) == ["missing-garp"]
    assert play.neighbours.learnt(carp(A).group) == ()


def test_bsd_carp_announces_from_the_virtual_mac(play: Play) -> None:
    play.at(0).appears(carp(A, mac=VMAC))
    play.at(30).takes_over(carp(B, mac=VMAC, advskew=100))
    play.at(30.1).garp(VMAC)
    assert play.end(60) == {}
    assert play.neighbours.learnt(carp(A).group) == (ip_address(VIP),)


def test_hsrp_answers_from_its_virtual_mac(play: Play) -> None:
    play.at(0).appears(hsrp(A))
    play.at(20).reply("00:00:0c:07:ac:01")
    assert play.end(60) == {}
    play.at(61).reply(MAC_X)
    assert rules(play.end(120)) == ["vip-conflict"]


@pytest.mark.parametrize(
    ("group", "macs"),
    [
        (GroupKey("s", "vrrp", 4, 255, "x"), {"00:00:5e:00:01:ff"}),
        (GroupKey("s", "vrrp", 6, 1, "x"), {"00:00:5e:00:02:01"}),
        (GroupKey("s", "carp", 4, 42, "x"), {"00:00:5e:00:01:2a", "00:00:5e:00:00:2a"}),
        (GroupKey("s", "hsrp", 4, 0x123, "x"), {"00:00:0c:07:ac:23", "00:00:0c:9f:f1:23", "00:05:73:a0:01:23"}),
        (
            GroupKey("s", "glbp", 4, 10, "x"),
            {"00:07:b4:00:0a:01", "00:07:b4:00:0a:02", "00:07:b4:00:0a:03", "00:07:b4:00:0a:04"},
        ),
    ],
)
def test_virtual_macs_are_those_of_the_standards(group: GroupKey, macs: set[str]) -> None:
    assert claims.virtual_macs(group) == macs
    assert all(claims.is_virtual(mac) for mac in macs)


def test_hostile_floods_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (claims, "MAX_BINDINGS"),
        (claims, "MAX_ADDRESSES"),
        (neighbours, "MAX_PENDING"),
        (claimants, "MAX_GROUPS"),
    ):
        monkeypatch.setattr(module, name, 16)
    play = Play()
    for number in range(100):
        ip = f"10.1.0.{number}"
        play.at(number / 1000).appears(vrrp(ip, vrid=number, addresses=(f"10.2.0.{number}",)))
        play.garp(mac_of(ip), f"10.2.0.{number}")
        play.reply(mac_of(ip), ip)
    # 84 groups of 100, and as many announced addresses, had to go; so had most hosts and most claims.
    assert play.neighbours.evicted >= 2 * 84
    assert play.end(100) == {}
