"""How long is listened, and what is made of what the listening child says, whatever becomes of it."""

import asyncio

import pytest

from tests.agent.auditing.made import carp, vrrp
from vrrpwatch.agent.auditing import listening
from vrrpwatch.agent.auditing.listening import LEAST, Listened, listen, patience
from vrrpwatch.agent.auditing.objections import Objection
from vrrpwatch.agent.auditing.stations import Station
from vrrpwatch.core.model import Severity


@pytest.mark.parametrize(
    ("stations", "seconds"),
    [
        # Master_Down_Interval: 3 x interval + (256 - priority) / 256, in version 3 x interval.
        ([vrrp()], 3.609375),
        ([vrrp(priority=200, interval=2, version=2)], 6.21875),
        ([vrrp(interval=10.0), vrrp(name="b", id=52)], 36.09375),
        # 3 x advbase + advskew / 256
        ([carp(advbase=2, advskew=128)], 6.5),
        # A neighbour with the usual second would not be heard in 0.36 s.
        ([vrrp(interval=0.1)], LEAST),
    ],
)
def test_it_listens_as_long_as_the_slowest_router_waits(stations: list[Station], seconds: float) -> None:
    assert patience(stations) == seconds


def test_nothing_is_listened_to_where_nobody_asks_for_it() -> None:
    told: list[str] = []
    assert asyncio.run(listen([vrrp()], 0, told.append)) == Listened()
    assert asyncio.run(listen([], None, told.append)) == Listened()
    assert told == []


def test_only_what_is_grave_stops_a_router() -> None:
    made = tuple(
        Objection("rule", severity, router, "heard", "remedy")
        for severity, router in ((Severity.INFO, "a"), (Severity.WARNING, "b"), (Severity.CRITICAL, "c"))
    )
    assert Listened(made).stopped == {"b", "c"}


def test_a_child_that_fails_is_a_trouble_and_no_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_MODULE", "vrrpwatch.no_such_module")
    listened = asyncio.run(listen([vrrp()], None, lambda _: None))
    assert (listened.objections, listened.masters) == ((), ())
    assert listened.troubles == (
        "what was listened to is not known: the process that did has ended early (exit status 1)",
    )
