"""Memory is given back every ten seconds of what was heard, and no more often."""

import pytest

from vrrpwatch.core.analysis import Totals
from vrrpwatch.core.model import nanoseconds
from vrrpwatch.core.news import News
from vrrpwatch.service import memory


def news(seconds: float) -> News:
    return News(nanoseconds(seconds), (), (), (), (), Totals(0, 0, 0, 0, 0), 0, {})


def test_it_is_given_back_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    class Library:
        def malloc_trim(self, kept: int) -> int:
            called.append(kept)
            return 1

    monkeypatch.setattr("ctypes.CDLL", lambda _: Library())
    trimmer = memory.Trimmer()
    for seconds in (1000.0, 1000.6, 1009.9, 1010.0, 1015.0, 1020.0):
        trimmer.tell(news(seconds))
    assert called == [0, 0, 0]
    # A clock that was set back does not keep it from that for long.
    trimmer.tell(news(10.0))
    assert len(called) == 4
    trimmer.close()


def test_other_libraries_have_no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    memory.Trimmer().tell(news(1.0))
