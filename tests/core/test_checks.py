"""What speakers say, judged: one script of runs per case, and the findings it must and must not give."""

from dataclasses import dataclass, field

import pytest

from tests.core.builders import SEGMENT, carp, hsrp, instant, run, vrrp
from vrrpwatch.core.checks import MAX_GROUPS, MAX_SPEAKERS, Checks
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Advert, Evidence, Finding, Run
from vrrpwatch.core.policy import Policy

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


@dataclass
class Play:
    """Feeds runs to the checks as the engine does."""

    policy: Policy | None = None
    reveal: bool = False
    findings: Findings = field(default_factory=Findings)

    def __post_init__(self) -> None:
        self.checks = Checks(self.findings, self.policy, reveal=self.reveal)

    def hear(self, *runs: Run) -> "Play":
        for heard in runs:
            self.checks.started(heard)
            self.checks.heard(heard, heard.first, heard.last)
            self.checks.counted(heard, heard.count, heard.last)
            self.checks.settle()
            self.checks.late(heard)
        return self

    def says(self, *adverts: Advert) -> "Play":
        """One advertisement each, a second apart; packets are numbered from 1."""
        return self.hear(*(run(advert, float(i), packet=i + 1) for i, advert in enumerate(adverts)))

    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings.all()} - {"unauthenticated"}

    def only(self, rule: str) -> Finding:
        found = [finding for finding in self.findings.all() if finding.rule == rule]
        assert len(found) == 1, found
        return found[0]


def simple(ip: str, password: bytes) -> Advert:
    return vrrp(ip, auth="simple", password=password)


PAIRS = {
    "same": ((vrrp(A), vrrp(B)), set()),
    "intervals, version 2": ((vrrp(A), vrrp(B, interval=3)), {"interval-mismatch"}),
    "intervals, version 3": ((vrrp(A, version=3), vrrp(B, version=3, interval=0.25)), {"interval-mismatch"}),
    "advbase": ((carp(A), carp(B, advbase=2)), {"interval-mismatch"}),
    "advskew is no interval": ((carp(A), carp(B, advskew=100)), set()),
    "bowing out is no interval": ((carp(A), carp(B, advbase=255, advskew=255)), set()),
    "what was said before bowing out stands": (
        (carp(A), carp(A, advbase=255, advskew=255), carp(B, advbase=2)),
        {"interval-mismatch"},
    ),
    "HSRP hello times": ((hsrp(A), hsrp(B, hello=1, active=False)), {"interval-mismatch"}),
    "addresses overlap": (
        (vrrp(A, addresses=("10.0.0.100", "10.0.0.101")), vrrp(B, addresses=("10.0.0.100",))),
        {"address-mismatch"},
    ),
    "addresses in another order": (
        (vrrp(A, addresses=("10.0.0.100", "10.0.0.101")), vrrp(B, addresses=("10.0.0.101", "10.0.0.100"))),
        set(),
    ),
    "addresses apart are the tracker's": ((vrrp(A), vrrp(B, addresses=("10.0.0.200",))), set()),
    "no addresses are unknown": ((vrrp(A), vrrp(B, addresses=())), set()),
    "cut addresses are unknown": ((vrrp(A), vrrp(B, addresses=None)), set()),
    "versions": ((vrrp(A), vrrp(B, version=3)), {"version-mismatch"}),
    "auth types": ((vrrp(A), vrrp(B, auth="ah")), {"auth-mismatch"}),
    "a vendor's auth type": ((vrrp(A), vrrp(B, auth=None, auth_type=254)), {"auth-mismatch"}),
    "passwords": ((simple(A, b"one"), simple(B, b"two")), {"auth-mismatch", "auth-cleartext"}),
    "same passwords": ((simple(A, b"one"), simple(B, b"one")), {"auth-cleartext"}),
    "checksum rules": (
        (vrrp(A, version=3), vrrp(B, version=3, checksum="plain")),
        {"checksum-variant"},
    ),
    "checksum rules of version 2": ((vrrp(A), vrrp(B, checksum="pseudo-header")), set()),
    "a bad checksum is no rule": ((vrrp(A, version=3), vrrp(B, version=3, checksum="bad")), set()),
    "checksums over IPv6": (
        (
            vrrp("fe80::1", version=3, addresses=("fe80::64",)),
            vrrp("fe80::2", version=3, addresses=("fe80::64",), checksum="plain"),
        ),
        set(),
    ),
    "another VRID": ((vrrp(A), vrrp(B, vrid=52, interval=3)), set()),
    "another segment": ((vrrp(A), vrrp(B, segment="eth1", interval=3)), set()),
    "CARP and VRRP on one id": ((vrrp(A), carp(B)), {"shared-virtual-mac"}),
    "CARP and VRRP, CARP first": ((carp(B), vrrp(A)), {"shared-virtual-mac"}),
    "CARP and VRRP on two ids": ((vrrp(A), carp(B, vhid=52)), set()),
    "CARP and VRRP on two segments": ((vrrp(A), carp(B, segment="eth1")), set()),
    "CARP and VRRP over IPv6 differ in MAC": ((vrrp("fe80::1", version=3, addresses=("fe80::64",)), carp(B)), set()),
    "another id's MAC": ((vrrp(A, mac="00:00:5e:00:01:34"),), {"mac-mismatch"}),
    "its own MAC": ((vrrp(A, mac="00:00:5e:00:01:33"),), set()),
    "ucarp's own MAC": ((carp(A, mac="00:00:5e:00:00:33"),), set()),
    "priority 255 of another": ((vrrp(A, priority=255),), {"owner-priority"}),
    "priority 255 of the owner": ((vrrp(A, priority=255, addresses=(A,)),), set()),
    "priority 255, addresses unknown": ((vrrp(A, priority=255, addresses=()),), set()),
    "two hosts on two segments": ((vrrp(A, segment="eth0/10"), vrrp(B, segment="eth0/20")), set()),
    "unicast is routed": (
        (vrrp(A, segment="eth0/10", scope="unicast"), vrrp(A, segment="eth0/20", scope="unicast#2")),
        set(),
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_what_speakers_say(case: str) -> None:
    adverts, expected = PAIRS[case]
    assert Play().says(*adverts).rules() == expected


def test_a_pair_finding_names_both_counts_starts_and_shows_both() -> None:
    play = Play().says(vrrp(B, interval=3), vrrp(A))
    found = play.only("interval-mismatch")
    assert found.subject == "10.0.0.1, 10.0.0.2"
    assert found.summary == (
        "10.0.0.1 announces 1 s, 10.0.0.2 announces 3 s: they reject each other's advertisements (VRRPv2), "
        "so both may be master; configure one interval"
    )
    assert (found.count, found.first, found.evidence) == (1, instant(1), (Evidence(0, 1), Evidence(0, 2)))
    play.hear(run(vrrp(B, interval=3, priority=90), 5.0, packet=9))
    assert (found.count, found.last) == (2, instant(5))


def test_a_mismatch_that_was_repaired_is_not_raised_again() -> None:
    play = Play().says(vrrp(A), vrrp(B, interval=3), vrrp(B), vrrp(A, priority=90))
    assert play.only("interval-mismatch").count == 1


def test_three_speakers_give_a_finding_per_pair_that_differs() -> None:
    play = Play().says(vrrp(A), vrrp(B), vrrp(C, interval=2))
    subjects = {finding.subject for finding in play.findings.all() if finding.rule == "interval-mismatch"}
    assert subjects == {"10.0.0.1, 10.0.0.3", "10.0.0.2, 10.0.0.3"}


def test_two_hosts_with_one_address_are_told_apart_by_their_macs() -> None:
    play = Play().says(vrrp(A, mac="02:00:00:00:00:01"), vrrp(A, mac="02:00:00:00:00:02", auth="ah"))
    assert play.only("auth-mismatch").subject == "10.0.0.1 (02:00:00:00:00:01), 10.0.0.1 (02:00:00:00:00:02)"


def test_shared_virtual_mac_is_one_trouble_whoever_came_first() -> None:
    ids = {Play().says(*order).only("shared-virtual-mac").id for order in ((vrrp(A), carp(B)), (carp(B), vrrp(A)))}
    assert len(ids) == 1
    assert Play().says(vrrp(A), carp(B)).only("shared-virtual-mac").subject == "00:00:5e:00:01:33"


def test_packet_rules_count_every_packet_however_runs_are_cut() -> None:
    whole, cut = Play(), Play()
    heard = run(vrrp(A), 0.0, 9.0, count=10, packet=3)
    whole.hear(heard)
    cut.checks.started(heard)
    for count, first, last in ((4, 0, 3), (6, 4, 9)):
        cut.checks.heard(heard, instant(first), instant(last))
        cut.checks.counted(heard, count, instant(last))
    cut.checks.late(heard)
    assert whole.findings.all() == cut.findings.all()
    found = whole.only("unauthenticated")
    assert (found.count, found.first, found.last) == (10, 0, instant(9))
    assert (found.subject, found.severity.value, found.evidence) == (A, "info", (Evidence(0, 3),))


@pytest.mark.parametrize("auth", ["ah", "hmac", "simple"])
def test_authenticated_speakers_are_not_unauthenticated(auth: str) -> None:
    advert = vrrp(A, auth=auth)  # type: ignore[arg-type]  # a literal, out of a list
    assert Play().says(advert).findings.get("unauthenticated", SEGMENT, advert.group, A) is None


def test_version_3_has_no_authentication_to_miss() -> None:
    assert Play().says(vrrp(A, version=3)).findings.all() == ()


def test_passwords_are_masked_unless_revealed() -> None:
    adverts = (simple(A, b"s3cr\x1bet"), simple(B, b"0ther"))
    hidden = " ".join(finding.summary for finding in Play().says(*adverts).findings.all())
    shown = " ".join(finding.summary for finding in Play(reveal=True).says(*adverts).findings.all())
    assert "s3cr" not in hidden
    assert "0ther" not in hidden
    assert '"s3cr\\x1bet"' in shown
    assert "\x1b" not in shown


class TestLate:
    def test_two_are_chance_three_a_pattern_over_all_runs(self) -> None:
        play = Play().hear(run(vrrp(A), 0, 20, count=18, packet=1, gap=2.0, late=2))
        assert "late-adverts" not in play.rules()
        play.hear(run(vrrp(A, priority=90), 30, 40, count=10, packet=50, gap=1.75, late=1))
        found = play.only("late-adverts")
        assert (found.count, found.first, found.last) == (3, 0, instant(30))
        assert found.evidence == (Evidence(0, 1), Evidence(0, 50))
        assert "3 advertisements of 10.0.0.1 came late, up to 2.000 s apart instead of 1 s" in found.summary

    def test_later_ones_add_up(self) -> None:
        play = Play().hear(run(vrrp(A), 0, 20, count=18, gap=2.0, late=4))
        play.hear(run(vrrp(A, priority=90), 30, 40, count=10, packet=50, gap=1.75, late=2))
        assert play.only("late-adverts").count == 6

    def test_two_speakers_are_not_one(self) -> None:
        play = Play().hear(run(vrrp(A), 0, 20, count=18, late=2), run(vrrp(B), 30, 40, count=9, late=2))
        assert "late-adverts" not in play.rules()


class TestRate:
    # Announced: 1 s.  Over 10 s, 17 advertisements are 16 gaps, 1.6 times as often; 16 are 15 gaps, just 1.5 times.
    @pytest.mark.parametrize(
        ("count", "span", "high"),
        [
            (17, 10.0, True),
            (16, 10.0, False),
            (11, 10.0, False),
            (17, 9.999, False),
            (999, 0.5, False),
            (1, 0.0, False),
        ],
    )
    def test_more_than_half_as_often_again_over_ten_intervals(self, count: int, span: float, high: bool) -> None:
        play = Play().hear(run(vrrp(A), 0, span, count=count))
        assert ("rate-high" in play.rules()) is high

    def test_carp_announces_its_skew_too(self) -> None:
        # advskew 128 makes 1.5 s: 21 gaps of 1 s are 1.5 times as often, which is not more than 1.5.
        assert "rate-high" not in Play().hear(run(carp(A, advskew=128), 0, 21, count=22)).rules()
        found = Play().hear(run(carp(A, advskew=128), 0, 21, count=23)).only("rate-high")
        assert "1.6 times as often as the 1.5 s that it announces" in found.summary


class TestTurns:
    def test_says_what_differs(self) -> None:
        play = Play().says(vrrp(A), vrrp(B, auth="ah", interval=3))
        assert play.checks.takes_turns(vrrp(A).group) == (
            "they reject each other's advertisements (auth types and intervals differ) and take turns"
        )

    def test_carp_silences_vrrp(self) -> None:
        play = Play().says(vrrp(A), carp(B))
        assert play.checks.takes_turns(vrrp(A).group) == (
            "CARP and VRRP use one id here and silence each other, so they take turns"
        )

    def test_nothing_where_they_agree_or_do_not_reject(self) -> None:
        play = Play().says(vrrp(A, version=3), vrrp(B, version=3, interval=2), carp(C, vhid=7))
        assert play.checks.takes_turns(vrrp(A).group) is None
        assert play.checks.takes_turns(vrrp(A, vrid=99).group) is None


class TestRogue:
    POLICY = Policy.model_validate(
        {
            "version": 1,
            "segment": [{"name": "eth1"}],
            "group": [
                {
                    "segment": "eth0",
                    "protocol": "vrrp",
                    "id": 51,
                    "speakers": [{"ip": A}, {"ip": B, "mac": "02-00-0A-00-00-02"}],
                }
            ],
        }
    )

    @pytest.mark.parametrize(
        ("advert", "rogue"),
        [
            (vrrp(A), False),
            (vrrp(B), False),
            (vrrp(B, mac="02:00:00:00:00:99"), True),
            (vrrp(C), True),
            (vrrp(A, vrid=52), True),
            (vrrp(A, segment="eth1"), True),
            (vrrp(A, segment="eth2"), False),
            (vrrp(A, scope="unicast"), True),
        ],
    )
    def test_lists_who_may(self, advert: Advert, rogue: bool) -> None:
        assert Play(self.POLICY).says(advert).rules() == ({"rogue-speaker"} if rogue else set())

    def test_counts_packets(self) -> None:
        found = Play(self.POLICY).hear(run(vrrp(C), 0, 9, count=10)).only("rogue-speaker")
        assert (found.subject, found.count) == (C, 10)
        assert found.summary == (
            "10.0.0.3 (02:00:0a:00:00:03) advertises, but the policy does not list it for VRID 51 on eth0: "
            "find that host, or list it"
        )


class TestBounds:
    def test_groups_and_speakers(self) -> None:
        play = Play()
        for number in range(MAX_GROUPS + 5):
            play.checks.started(run(vrrp(A, segment=f"eth{number}")))
        for number in range(MAX_SPEAKERS + 3):
            play.checks.started(run(vrrp(f"10.1.{number // 256}.{number % 256}", vrid=7)))
        assert play.checks.evicted == {"groups": 6, "speakers": 3}

    def test_forgotten_groups_share_no_mac(self) -> None:
        play = Play()
        play.checks.started(run(carp(B)))
        for number in range(MAX_GROUPS):
            play.checks.started(run(vrrp(A, segment=f"eth{number + 1}")))
        play.checks.started(run(vrrp(A)))
        assert "shared-virtual-mac" not in play.rules()


def test_the_mac_may_be_unknown() -> None:
    advert = vrrp(A)
    cooked = advert._replace(speaker=advert.speaker._replace(mac=None))
    assert Play(TestRogue.POLICY).says(cooked).rules() == set()
