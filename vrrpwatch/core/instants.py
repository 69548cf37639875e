"""Instants as text, in the one form that every report, journal and alert has."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from vrrpwatch.core.model import NANOSECONDS, Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: Instant) -> str:
    """An instant in RFC 3339 form, UTC, cut to microseconds: ``2026-01-31T12:00:00.000001Z``."""
    second, rest = divmod(at, NANOSECONDS)
    return f"{_whole_second(second)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=1024)
def _whole_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
