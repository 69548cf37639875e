"""Advertisements on two segments at once are a leak; a host that moved, or two captures of two days, are none."""

from tests.core.builders import instant, run, vrrp
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.leaks import Leaks
from vrrpwatch.core.model import Evidence, Finding, Run

A = "192.0.2.1"


def found(*runs: Run) -> tuple[Finding, ...]:
    findings = Findings()
    leaks = Leaks(findings)
    for heard in sorted(runs, key=lambda item: item.first):
        leaks.heard(heard, heard.count, heard.first, heard.last)
    return findings.all()


def on(segment: str, first: float, last: float, packet: int = 1) -> Run:
    return run(vrrp(A, segment=segment), first, last, count=round(last - first) + 1, packet=packet)


def test_a_leak_is_about_the_later_segment_and_shows_both() -> None:
    (leak,) = found(on("eth0/10", 0.0, 9.0, packet=1), on("eth0/20", 0.5, 9.5, packet=2))
    assert (leak.segment, leak.subject, leak.count) == ("eth0/20", A, 10)
    assert (leak.first, leak.last) == (instant(0.5), instant(9.5))
    assert leak.evidence == (Evidence(0, 1), Evidence(0, 2))
    assert "eth0/20 as well as on eth0/10" in leak.summary


def test_a_host_that_moved_is_no_leak() -> None:
    assert found(on("eth0/10", 0.0, 9.0), on("eth0/20", 13.5, 20.0)) == ()
    # However quickly: an interface that is renamed hears its master's next advertisement under the other name.
    assert found(on("eth0/10", 0.0, 9.0), on("eth0/20", 10.0, 20.0)) == ()
    # Nor is one that came back later, when nobody there waited for it any more.
    assert found(on("eth0/10", 0.0, 9.0), on("eth0/20", 10.0, 20.0), on("eth0/10", 21.0, 30.0)) == ()


def test_one_that_the_first_segment_still_hears_did_not_move() -> None:
    (leak,) = found(on("eth0/10", 0.0, 9.0), on("eth0/20", 9.5, 9.5, packet=2), on("eth0/10", 10.0, 20.0, packet=3))
    assert (leak.segment, leak.count, leak.evidence) == ("eth0/20", 1, (Evidence(0, 1), Evidence(0, 2)))


def test_it_counts_what_came_before_it_was_certain() -> None:
    (leak,) = found(on("eth0/10", 0.0, 9.0), on("eth0/20", 20.0, 29.0), on("eth0/10", 25.0, 29.0, packet=40))
    assert (leak.segment, leak.count) == ("eth0/20", 10)


def test_routed_unicast_may_be_seen_on_several_segments() -> None:
    first, second = (run(vrrp(A, segment=name, scope="unicast"), 0.0, 9.0) for name in ("eth0", "eth1"))
    assert found(first, second) == ()


def test_three_segments_leak_from_the_first() -> None:
    leaks = found(on("a", 0.0, 9.0), on("b", 0.2, 9.2, packet=2), on("c", 0.4, 9.4, packet=3))
    assert [(leak.segment, leak.evidence[0].packet) for leak in leaks] == [("b", 1), ("c", 1)]
