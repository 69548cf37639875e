"""Silence after something was missed: it means nothing while that lasts, and the same as ever from its end on."""

import pytest

from tests.core.builders import instant, vrrp
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.frames import Loss
from vrrpwatch.core.losses import Losses
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.model import Evidence, Instant
from vrrpwatch.core.neighbours import Neighbours

# A VRRPv2 master that advertises every second is lost four seconds after its last word at the latest.
WAIT = 4


class Heard:
    """One master that spoke last at 10 s, and what was missed since."""

    def __init__(self, *former: Loss) -> None:
        findings = Findings()
        self.losses = Losses(findings, lambda loss: f"eth{loss.interface}", former, live=True)
        self.mastership = Mastership(findings, Neighbours(findings), self.losses, lambda _: None)
        at, where = instant(10), Evidence(0, 1)
        self.mastership.hear(vrrp("10.0.0.1"), at, at, where, where)

    def miss(self, loss: Loss) -> None:
        self.losses.add(loss)
        if loss.unheard and not loss.goes_on:
            self.mastership.over(loss)

    def lost_at(self, now: Instant) -> list[int]:
        self.mastership.advance(now + 1)
        return [event.at for event in self.mastership.events if event.kind == "master-lost"]


def missed(first: float, last: float, count: int = 0, *, goes_on: bool = False) -> Loss:
    return Loss(0, 0, instant(first), instant(last), count, not count, goes_on)


def test_without_a_loss_the_wait_counts_from_the_last_word() -> None:
    assert Heard().lost_at(instant(20)) == [instant(10 + WAIT)]


@pytest.mark.parametrize("known_before", [True, False])
def test_after_a_loss_the_wait_counts_from_its_end(known_before: bool) -> None:
    loss = missed(11, 12, 3)
    heard = Heard(*((loss,) if known_before else ()))
    if not known_before:
        heard.miss(loss)
    assert heard.lost_at(instant(15.9)) == []
    assert heard.lost_at(instant(16)) == [instant(12 + WAIT)]


def test_losses_without_an_end_excuse_all_of_it() -> None:
    heard = Heard()
    for second in range(11, 60):
        heard.miss(missed(second, second + 1, 1))
        assert heard.lost_at(instant(second + 1)) == []
    assert heard.lost_at(instant(70)) == [instant(60 + WAIT)]


@pytest.mark.parametrize("known_before", [True, False])
def test_an_outage_excuses_until_it_is_over(known_before: bool) -> None:
    begun, over = missed(10.5, 11, goes_on=True), missed(11, 40)
    heard = Heard(*((begun, over) if known_before else ()))
    if not known_before:
        heard.miss(begun)
    assert heard.lost_at(instant(39)) == []
    heard.miss(over)
    assert heard.lost_at(instant(43.9)) == []
    assert heard.lost_at(instant(50)) == [instant(40 + WAIT)]


def test_an_outage_elsewhere_excuses_nothing() -> None:
    heard = Heard()
    heard.miss(Loss(0, 1, instant(11), instant(12), 0, True, True))
    assert heard.lost_at(instant(20)) == [instant(10 + WAIT)]
