"""What is held against a router that has not spoken yet, for each thing that may be wrong."""

from typing import Any

import pytest

from tests.agent.auditing.made import (
    OTHER_IP,
    OTHER_MAC,
    OWN_IP,
    OWN_MAC,
    VIP,
    carp,
    carp_speaker,
    finding,
    group,
    ips,
    key,
    speaker,
    vrrp,
)
from vrrpwatch.agent.auditing.objections import MAX_COMPARED, Claim, Objection, Survey, objections
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.core.analysis import GroupInfo
from vrrpwatch.core.model import Severity

ADDRESS = ips(VIP)[0]
STRANGER = "02:00:00:00:00:99"
SIMPLE = {"version": 2, "auth": {"type": "simple", "secret_file": "secret"}}
AH = {"version": 2, "auth": {"type": "ah", "secret_file": "secret"}}
HMAC = {"auth": {"type": "hmac", "key_id": 7, "secret_file": "secret"}}


def against(station: Station, *groups: GroupInfo, **heard: Any) -> tuple[Objection, ...]:
    return objections([station], Survey(groups, own_macs=frozenset({OWN_MAC}), **heard))


def only(station: Station, *groups: GroupInfo, **heard: Any) -> Objection:
    (one,) = against(station, *groups, **heard)
    return one


def test_a_router_that_fits_is_welcome() -> None:
    assert against(vrrp()) == ()
    assert against(vrrp(), group(speaker())) == ()
    assert against(carp(advskew=100), group(carp_speaker(), of=key("carp"))) == ()


def test_unrelated_routers_must_not_share_an_id() -> None:
    stranger = speaker(addresses=ips("192.0.2.7"), interval=2.0, implementation="keepalived")
    one = only(vrrp(), group(stranger), group(speaker(addresses=ips("192.0.2.8")), of=key(number=52)))
    assert (one.rule, one.severity, one.stops) == ("vrid-collision", Severity.CRITICAL, True)
    assert one.heard.startswith("192.0.2.1 (02:00:00:00:00:01, keepalived) uses VRID 51 for 192.0.2.7")
    assert one.remedy == "set id = 53, not heard here, or correct addresses"


def test_a_speaker_that_names_no_address_collides_with_nobody() -> None:
    assert against(vrrp(), group(speaker(addresses=()))) == ()


@pytest.mark.parametrize(
    ("given", "heard", "rule", "remedy"),
    [
        ({}, {"interval": 0.5}, "interval-mismatch", "set interval = 0.5, or correct that router"),
        (
            {"version": 2},
            {"versions": (2,), "interval": 3.0},
            "interval-mismatch",
            "set interval = 3, or correct that router",
        ),
        ({"version": 2}, {}, "version-mismatch", "set version = 3, or correct that router"),
        ({}, {"versions": (2,)}, "version-mismatch", "set version = 2, or correct that router"),
        ({"version": 2}, {"versions": (2,), "auth": "ah"}, "auth-mismatch", 'set auth with type = "ah", or correct'),
        (SIMPLE, {"versions": (2,)}, "auth-mismatch", "remove auth, or correct that router"),
        ({"version": 2}, {"versions": (2,), "auth": None}, "auth-mismatch", "correct auth here or there"),
        (SIMPLE, {"versions": (2,), "auth": "simple", "authentic": False}, "auth-mismatch", "put the password of that"),
        (AH, {"versions": (2,), "auth": "ah", "authentic": False}, "auth-failed", "put the secret of that router"),
        (HMAC, {"auth": "hmac", "authentic": False}, "auth-failed", "put the secret of that router"),
        (HMAC, {"auth": "hmac", "authentic": None}, "auth-mismatch", "set auth.key_id to that router's"),
        ({}, {"checksum": "plain"}, "checksum-variant", 'set checksum = "plain", or correct that router'),
        ({"checksum": "plain"}, {}, "checksum-variant", 'set checksum = "pseudo-header", or correct that router'),
        ({}, {"checksum": "pseudo-header-multicast"}, "checksum-variant", "have that router use the pseudo-header"),
        ({}, {"addresses": ips(VIP, "192.0.2.7")}, "address-mismatch", "list the same addresses in all routers"),
        ({}, {"priority": 255}, "owner-priority", "give all but the address owner a priority of 254 or less"),
    ],
)
def test_a_setting_that_differs(given: dict[str, Any], heard: dict[str, Any], rule: str, remedy: str) -> None:
    one = only(vrrp(**given), group(speaker(**heard)))
    assert (one.rule, one.router, one.stops) == (rule, "web", True)
    assert one.remedy.startswith(remedy)
    assert one.heard.startswith(("192.0.2.1 (02:00:00:00:00:01)", "what 192.0.2.1 (02:00:00:00:00:01) signs"))


@pytest.mark.parametrize(
    ("given", "heard"),
    [
        (SIMPLE, {"versions": (2,), "auth": "simple", "authentic": True}),
        (AH, {"versions": (2,), "auth": "ah", "authentic": True}),
        (HMAC, {"auth": "hmac", "authentic": True}),
        # RFC 9568 §8.4: on its way from one version to the other.
        ({}, {"versions": (2, 3), "auth": "ah"}),
        # What the capture cut.
        ({}, {"checksum": None}),
    ],
)
def test_what_agrees_or_cannot_be_told_is_not_objected_to(given: dict[str, Any], heard: dict[str, Any]) -> None:
    assert against(vrrp(**given), group(speaker(**heard))) == ()


def test_both_address_lists_are_told_apart() -> None:
    station = vrrp(addresses=[f"{VIP}/24", "192.0.2.101/24"])
    one = only(station, group(speaker(addresses=ips(VIP, "192.0.2.7"))))
    assert "also backs up 192.0.2.7 and does not back up 192.0.2.101" in one.heard


def test_carp_is_judged_by_its_digest_and_advbase() -> None:
    wrong = group(carp_speaker(authentic=False, advbase=3), of=key("carp"))
    assert [one.rule for one in against(carp(advskew=100), wrong)] == ["auth-failed", "interval-mismatch"]


def test_the_other_protocol_must_not_use_the_id() -> None:
    one = only(vrrp(), group(carp_speaker(), of=key("carp")))
    assert (one.rule, one.severity) == ("shared-virtual-mac", Severity.CRITICAL)
    assert one.remedy == "set id = 52, not heard here, or give that one another"
    assert only(carp(), group(speaker(), of=key())).rule == "shared-virtual-mac"
    # VRRP over IPv6 has a range of its own (RFC 9568 §7.3), and with unicast peers there is no virtual MAC.
    six = vrrp("fe80::2", addresses=["fe80::100/64"])
    assert against(six, group(carp_speaker(), of=key("carp"))) == ()
    assert against(vrrp(peers=[OTHER_IP]), group(carp_speaker(), of=key("carp"))) == ()


def test_priority_255_is_the_owners() -> None:
    station = vrrp(priority=255)
    assert only(station).rule == "owner-priority"
    assert only(station).remedy == "set priority = 254 or less"
    # An owner that starts finds somebody standing in for it, and that is as it should be.
    owner = vrrp(priority=255, addresses=[f"{OWN_IP}/24"])
    assert against(owner, group(speaker(addresses=ips(OWN_IP)))) == ()
    # With an owner elsewhere one can live; who wins is worth knowing.
    one = only(vrrp(), group(speaker(VIP, priority=255)))
    assert (one.rule, one.stops) == ("owner-priority", False)
    assert only(owner, group(speaker("192.0.2.9", priority=255, addresses=ips(OWN_IP)))).stops


@pytest.mark.parametrize(("ip", "wins"), [("192.0.2.1", "this router wins"), ("192.0.2.3", "192.0.2.3 wins")])
def test_of_equal_routers_it_is_said_who_wins(ip: str, wins: str) -> None:
    one = only(vrrp(priority=150), group(speaker(ip)))
    assert (one.rule, one.stops) == ("equal-priority", False)
    assert f"of two such {wins}, but a master stays while it advertises" in one.heard


@pytest.mark.parametrize(("ip", "wins"), [("192.0.2.1", "192.0.2.1 wins"), ("192.0.2.3", "this router wins")])
def test_of_equal_carp_hosts_the_lower_address_wins(ip: str, wins: str) -> None:
    assert f"of two such {wins}" in only(carp(), group(carp_speaker(ip), of=key("carp"))).heard


def test_our_own_address_says_that_another_program_speaks_for_the_router() -> None:
    for mac in (OWN_MAC, "00:00:5e:00:01:33", None):
        one = only(vrrp(), group(speaker(OWN_IP, mac, versions=(2,), interval=7.0, addresses=ips("192.0.2.7"))))
        assert (one.rule, one.severity) == ("duplicate-source", Severity.CRITICAL)
        assert one.remedy.startswith("another program here (keepalived, FRR or a second agent?) runs this router")


def test_our_own_address_on_another_card_is_a_duplicate_address() -> None:
    for of in (key(), key(number=7)):
        one = only(vrrp(), group(speaker(OWN_IP, STRANGER, addresses=()), of=of))
        assert one.rule == "duplicate-source"
        assert one.heard.endswith(f"VRID {of.id} (VRRP) from {STRANGER}, a card of another host")


def test_another_program_here_may_run_other_routers() -> None:
    others = [group(speaker(OWN_IP, OWN_MAC, addresses=ips("192.0.2.7")), of=key(number=n)) for n in range(1, 20)]
    assert against(vrrp(), *others) == ()
    assert only(vrrp(), *others, group(speaker(OWN_IP, OWN_MAC))).rule == "duplicate-source"


def test_nobody_but_speakers_may_answer_for_a_virtual_address() -> None:
    claims = {Claim("eth0", ADDRESS, mac) for mac in (STRANGER, OTHER_MAC, OWN_MAC, "00:00:5e:00:01:33")}
    one = only(vrrp(), group(speaker()), claims=frozenset(claims))
    assert (one.rule, one.severity) == ("vip-conflict", Severity.CRITICAL)
    assert one.heard == f"{STRANGER} on eth0 answers for {VIP} and advertises nothing"
    elsewhere = vrrp(addresses=[f"{VIP}/24", {"address": "192.0.2.7/24", "interface": "eth1"}])
    assert against(elsewhere, claims=frozenset({Claim("eth0", ips("192.0.2.7")[0], STRANGER)})) == ()


def test_who_advertises_from_a_virtual_mac_may_answer_from_a_card() -> None:
    hidden = group(carp_speaker(mac="00:00:5e:00:01:33", authentic=True), of=key("carp"))
    answer, stray = Claim("eth0", ADDRESS, OTHER_MAC), Claim("eth0", ADDRESS, STRANGER)
    router = carp(advskew=100)
    # As long as that is not known nobody is a stranger, but for who answers from another group's MAC.
    assert against(router, hidden, claims=frozenset({answer, stray})) == ()
    other = Claim("eth0", ADDRESS, "00:00:5e:00:01:3c")
    assert only(router, hidden, claims=frozenset({answer, other})).heard.startswith(other.mac)
    card = Claim("eth0", ips(OTHER_IP)[0], OTHER_MAC)
    assert only(router, hidden, claims=frozenset({answer, stray, card})).heard.startswith(STRANGER)


def test_our_own_address_must_not_be_claimed_either() -> None:
    claims = frozenset({Claim("eth0", ips(OWN_IP)[0], STRANGER), Claim("eth0", ips(OWN_IP)[0], OWN_MAC)})
    assert only(vrrp(), claims=claims).rule == "duplicate-source"
    # A backup holds what an owner has given up.
    assert "duplicate-source" not in {
        one.rule for one in against(vrrp(priority=255, addresses=[f"{OWN_IP}/24"]), claims=claims)
    }


def test_an_address_of_another_group_is_told_with_its_id() -> None:
    claims = frozenset({Claim("eth0", ADDRESS, OTHER_MAC), Claim("eth0", ADDRESS, "00:00:5e:00:01:3c")})
    one = only(vrrp(), group(speaker(), of=key(number=60)), claims=claims)
    assert one.rule == "vip-conflict"
    assert one.heard == f"{OTHER_IP} ({OTHER_MAC}) backs up {VIP} as VRID 60 (VRRP)"
    assert one.remedy.startswith("set id = 60 if they are to be one router")


def test_unicast_and_multicast_do_not_hear_each_other() -> None:
    one = only(vrrp(peers=["192.0.2.9"]), group(speaker()))
    assert (one.rule, one.severity) == ("scope-mismatch", Severity.CRITICAL)
    assert "to 224.0.0.18, not to this router" in one.heard
    unicast = group(speaker(), of=key(scope="unicast"), peers=(OTHER_IP, "192.0.2.9"))
    assert only(vrrp(), unicast).remedy.startswith("list its address in peers here")
    # An id is only spoken for among the same peers.
    strangers = group(speaker(addresses=ips("192.0.2.7")), of=key(scope="unicast"), peers=(OTHER_IP, "192.0.2.9"))
    assert against(vrrp(), strangers) == ()
    assert against(vrrp(peers=["192.0.2.8"]), strangers) == ()


def test_peers_are_the_same_group_whoever_of_them_was_heard() -> None:
    heard = group(speaker(interval=2.0), of=key(scope="unicast#2"), peers=(OTHER_IP, OWN_IP))
    assert only(vrrp(peers=[OTHER_IP]), heard).rule == "interval-mismatch"


def test_what_is_wrong_with_the_group_already_is_handed_on() -> None:
    found = (
        finding("split-brain", Severity.CRITICAL, of=key()),
        finding("bad-checksum", Severity.WARNING, count=2, of=key()),
        finding("bad-ttl", Severity.CRITICAL, count=1, of=key()),
        finding("late-adverts", Severity.WARNING, count=3, of=key()),
        finding("split-brain", Severity.CRITICAL, of=key(number=52)),
    )
    told = [(one.rule, one.stops) for one in against(vrrp(), group(speaker()), findings=found)]
    # One frame that must be discarded may be an accident.
    assert told == [("split-brain", True), ("bad-checksum", True), ("bad-ttl", False)]


def test_a_group_that_leaks_from_another_segment_is_told_with_its_rule() -> None:
    leak = finding("leak", Severity.WARNING, subject=OTHER_IP, of=key())
    one = only(vrrp(), group(speaker()), findings=(leak,))
    assert one.remedy.startswith('oifname "eth0" ip saddr 192.0.2.1 ip protocol 112 @th,8,8 51 drop on the bridge')


def test_the_gravest_comes_first() -> None:
    stations = [vrrp(name="a"), vrrp(name="b", id=52, addresses=["192.0.2.101/24"])]
    groups = (
        group(speaker(interval=2.0)),
        group(speaker(addresses=ips("192.0.2.8")), of=key(number=52)),
    )
    told = [(one.router, one.rule) for one in objections(stations, Survey(groups))]
    assert told == [("b", "vrid-collision"), ("a", "interval-mismatch")]


def test_a_forger_of_speakers_gets_a_few_lines() -> None:
    forged = [speaker(f"192.0.2.{n}", interval=2.0) for n in range(10, 60)]
    assert len(against(vrrp(), group(*forged))) == MAX_COMPARED


def test_where_all_ids_are_taken_none_is_advised() -> None:
    others = [group(speaker(addresses=ips("192.0.2.7")), of=key(number=n)) for n in range(1, 256)]
    assert only(vrrp(), *others).remedy.startswith("use another segment, for all ids are taken here")
