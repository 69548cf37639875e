"""What is said of what a capture missed, and the silence that it excuses."""

import pytest

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.losses import ENDLESS, Losses

PROOF = ": silence in that time proves nothing"
OUTAGE = "the interface could not be heard for a while, be it down or gone or the machine asleep" + PROOF


def losses(*told: Loss, former: tuple[Loss, ...] = ()) -> tuple[Losses, list[tuple[str, str, int, int, int, str]]]:
    """On interface 0, eth0, and others; what was found is subject, segment, first, last, count and summary."""
    findings = Findings()
    kept = Losses(findings, lambda loss: f"eth{loss.interface}", former, live=False)
    for loss in told:
        kept.add(loss)
    return kept, [(one.subject, one.segment, one.first, one.last, one.count, one.summary) for one in findings.all()]


def test_packets_and_time_are_told_apart() -> None:
    kept, found = losses(Loss(0, 0, 10, 20, 3), Loss(0, 0, 30, 40, 0, True), Loss(0, 0, 50, 60, 4))
    assert found == [
        ("eth0", "eth0", 10, 60, 7, "the capture itself lost packets" + PROOF),
        ("eth0, unheard", "eth0", 30, 40, 1, OUTAGE),
    ]
    assert kept.dropped == 7


def test_an_outage_is_counted_once_however_often_it_is_told_of() -> None:
    """At its beginning, at its end; then another, which took packets with it."""
    kept, found = losses(Loss(0, 0, 10, 20, 0, True), Loss(0, 0, 20, 500, 0, True), Loss(0, 0, 600, 610, 2, True))
    assert found == [
        ("eth0, unheard", "eth0", 10, 610, 2, OUTAGE),
        ("eth0", "eth0", 600, 610, 2, "the capture itself lost packets" + PROOF),
    ]
    assert kept.dropped == 2


@pytest.mark.parametrize("unheard", [True, False])
@pytest.mark.parametrize("former", [True, False])
def test_either_excuses_silence_that_touches_it(unheard: bool, former: bool) -> None:
    loss = Loss(0, 0, 10, 20, 1 - unheard, unheard)
    kept, _ = losses(former=(loss,)) if former else losses(loss)
    assert [kept.touch("eth0/7", *stretch) for stretch in ((0, 9), (0, 10), (15, 16), (20, 99), (21, 99))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    # Of a cooked capture's interfaces nobody knows which it was; that of another is none of them.
    assert kept.touch("eth0#3", 15, 16)
    assert not kept.touch("eth1", 15, 16)
    assert not kept.touch("eth01", 15, 16)


def test_an_outage_that_goes_on_excuses_silence_until_it_is_over() -> None:
    begun, over = Loss(0, 0, 10, 20, 0, True, True), Loss(0, 0, 20, 500, 0, True)
    kept, _ = losses(begun)
    assert kept.missed_until("eth0", 5, 5, 400) == ENDLESS
    assert kept.missed_until("eth1", 5, 5, 400) is None
    # Somebody was heard since: it must be over, though nobody said so.
    assert kept.missed_until("eth0", 25, 25, 400) is None
    kept.add(over)
    assert kept.missed_until("eth0", 5, 5, 600) == 500
    assert kept.missed_until("eth0", 5, 501, 600) is None
    # A pass that knows all of it from its start says the same of the time when it went on.
    assert losses(former=(begun, over))[0].missed_until("eth0", 5, 5, 400) == 500
