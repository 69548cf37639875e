"""Measures how much a store takes in: ``python -m tests.bench.store [URL]…``; without a URL, both databases.

SQLite is measured in a temporary folder (``TMPDIR`` chooses the disk), PostgreSQL on a server made for it.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.store.postgresql import Server, programs
from tests.store.telling import KEY, event, finding, group, news, second
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.news import News
from vrrpwatch.store.fleet import Fleet
from vrrpwatch.store.journal import Journal

_LONGEST = 300.0
Make = Callable[[], Iterable[tuple[int, News]]]


def _commits(of: str) -> Make:
    def make() -> Iterable[tuple[int, News]]:
        for number in range(500):
            if of == "events":
                yield 1, news(number, events=(event(number, number),))
            else:
                yield 1, news(number, seconds=(second(number),))

    return make


def _events() -> Iterable[tuple[int, News]]:
    for number in range(0, 50_000, 10):
        yield 10, news(number, events=tuple(event(number + more, number + more) for more in range(10)))


def _findings() -> Iterable[tuple[int, News]]:
    for count in range(1, 11):
        yield 2_000, news(count, findings=tuple(finding(subject=str(n), count=count) for n in range(2_000)))


def _volume() -> Iterable[tuple[int, News]]:
    for at in range(1_000):
        yield 100, news(at, seconds=tuple(second(at, 3, 180, to=f"239.1.1.{flow}") for flow in range(100)))


def _groups() -> Iterable[tuple[int, News]]:
    for at in range(10):
        timeline = tuple(Tenure(n, n + 1, ()) for n in range(20))
        yield (
            1_000,
            news(
                at,
                groups=tuple(
                    group(key=KEY._replace(segment=f"eth{n}"), last=at, adverts=at + 1)._replace(timeline=timeline)
                    for n in range(1_000)
                ),
            ),
        )


CASES: tuple[tuple[str, Make, bool], ...] = (
    ("commits of one event each, durable one by one", _commits("events"), True),
    ("commits of one second each, one by one", _commits("volume"), True),
    ("events", _events, False),
    ("findings that grow", _findings, False),
    ("volume of 100 flows, rolled up", _volume, False),
    ("states of groups", _groups, False),
)


def measure(url: str, make: Make, one_by_one: bool) -> tuple[float, float]:
    """Records/s until all are durable, and the microseconds that the caller waits for one :meth:`Journal.record`."""
    told = list(make())
    journal = Journal(url, "bench", clock=time.time_ns, limit=10**9)
    journal.flush(_LONGEST)
    waited = 0.0
    start = time.perf_counter()
    for _, item in told:
        before = time.perf_counter()
        journal.record(item)
        waited += time.perf_counter() - before
        if one_by_one:
            journal.flush(_LONGEST)
    if not journal.close(_LONGEST):
        raise SystemExit(f"{url}: {journal.state.reason or 'too slow'}")
    return sum(count for count, _ in told) / (time.perf_counter() - start), waited / len(told) * 1e6


def main(urls: list[str]) -> None:
    """Measures and prints."""
    with ExitStack() as stack:
        if not urls:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            urls = [str(folder / "journal.db")]
            if installed := programs():
                urls.append(stack.enter_context(Server(installed, fsync=True)).database())
        for url in urls:
            print(url.partition("?")[0])
            for name, make, one_by_one in CASES:
                rate, waited = measure(url, make, one_by_one)
                print(f"  {rate:12,.0f}/s  {name} (the caller waits {waited:,.0f} us for each news)", flush=True)
            start = time.perf_counter()
            fleet = Fleet(url, clock=time.time_ns)
            taken = time.perf_counter() - start
            print(f"  {taken * 1000:12,.0f} ms  to open it on a screen with {len(fleet.rows()):,} groups")
            fleet.close()


if __name__ == "__main__":
    main(sys.argv[1:])
