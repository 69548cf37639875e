"""What the engine tells of the sample captures is in the store as an analysis has it, however often it was asked."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from tests.store.telling import clock
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.sources import read_here
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.model import NANOSECONDS, Event
from vrrpwatch.core.monitor import Monitor
from vrrpwatch.core.news import News
from vrrpwatch.store.codec import event_of, finding_of, group_of, key_of
from vrrpwatch.store.connecting import connect
from vrrpwatch.store.journal import Journal
from vrrpwatch.store.places import place
from vrrpwatch.store.tables import EventRow, FindingRow, GroupRecord, SecondRow

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcap*"))


def told(path: Path, journal: Journal) -> tuple[list[Event], Analysis]:
    """Has a capture watched in steps of ten seconds."""
    monitor = Monitor(EngineOptions(lambda _source, _interface, _ifindex: "eth0"))
    events: list[Event] = []

    def tell(news: News) -> None:
        events.extend(news.events)
        journal.record(news)

    for batch in read_here(str(path), 0, WANTED, lambda _source, _facts: None):
        at = batch.frames["at"]
        steps = range(int(at.min()), int(at.max()) + 1, 10 * NANOSECONDS) if len(at) else range(0, 1, 1)
        for number, start in enumerate(steps):
            chosen = batch.frames[(at >= start) & (at < start + 10 * NANOSECONDS)]
            last = int(chosen["at"].max()) if len(chosen) else None
            part = batch._replace(frames=chosen, last=last)
            if number:
                # What is only counted came with the first step.
                part = part._replace(
                    packets=0,
                    bytes=0,
                    multicast_packets=0,
                    multicast_bytes=0,
                    flows=part.flows[:0],
                    seconds=part.seconds[:0],
                )
            monitor.feed(part)
            tell(monitor.news())
    news, analysis = monitor.finish(())
    tell(news)
    return events, analysis


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_the_store_holds_what_the_engine_found(path: Path, tmp_path: Path) -> None:
    where = f"{tmp_path}/journal.db"
    journal = Journal(where, "one", clock=clock)
    events, analysis = told(path, journal)
    assert journal.close(20), journal.state
    assert journal.state.lost == {}
    engine = opened(where)
    with engine.connect() as connection:
        rows = connection.execute(select(EventRow.__table__).order_by(EventRow.id)).all()
        assert [event_of(row) for row in rows] == events  # type: ignore[arg-type]  # a row has the same names
        found = connection.execute(select(FindingRow.__table__)).all()
        assert {finding_of(row).id: finding_of(row) for row in found} == {  # type: ignore[arg-type]
            finding.id: finding for finding in analysis.findings
        }
        groups = connection.execute(select(GroupRecord.key, GroupRecord.info)).all()
        assert {key: group_of(key_of(key), info) for key, info in groups} == {
            str(group.key): group for group in analysis.groups
        }
        packets, octets = connection.execute(select(func.sum(SecondRow.packets), func.sum(SecondRow.bytes))).one()
        assert (packets or 0, octets or 0) == (analysis.totals.multicast_packets, analysis.totals.multicast_bytes)
    engine.dispose()


def opened(where: str) -> Engine:

    return connect(place(where))
