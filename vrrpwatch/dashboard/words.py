"""Words and symbols that several pages share; every colour has a symbol beside it."""

from functools import lru_cache
from typing import Final

from vrrpwatch.core.model import NANOSECONDS, EventKind, GroupKey, GroupState, Instant, Seconds, Severity
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.report.phrases import STATE_SYMBOLS, SYMBOLS
from vrrpwatch.report.units import duration, router_name
from vrrpwatch.wire.text import safe_text

STATE_STYLES: Final[dict[GroupState, str]] = {"held": "good", "contested": "bad", "lost": "warning"}
SEVERITY_STYLES: Final = {Severity.CRITICAL: "bad", Severity.WARNING: "warning", Severity.INFO: "info", None: "dim"}
RANKS: Final[dict[Severity | None, int]] = {None: -1, **{severity: severity.rank for severity in Severity}}
EVENT_SYMBOLS: Final[dict[EventKind, str]] = {
    "master-appeared": "+",
    "master-changed": "→",
    "master-lost": "○",
    "master-resigned": "↓",
}
EVENT_STYLES: Final[dict[EventKind, str]] = {
    "master-appeared": "good",
    "master-changed": "warning",
    "master-lost": "bad",
    "master-resigned": "info",
}

# A group of which nothing can be known now, whatever it was when it was heard last.
NOT_HEARD: Final = "? not heard"
NOT_HEARD_STYLE: Final = "accent"

# Seconds of a unit and its name, the same of the next smaller one, and where the next greater one begins.
_UNITS: Final = (
    (60, "m", 1, "s", 3_600),
    (3_600, "h", 60, "m", 86_400),
    (86_400, "d", 3_600, "h", 1 << 63),
)

# Said where a view over a store has nothing to show.
NOT_KEPT: Final = "not kept in a store"


def state(value: GroupState) -> str:
    """A group's state with its symbol: ``✔ held``."""
    return f"{STATE_SYMBOLS[value]} {value}"


def severity(value: Severity | None) -> str:
    """A severity's symbol; a dash for none."""
    return SYMBOLS[value] if value is not None else "-"


def group(key: GroupKey, mask: Mask) -> str:
    """A group with its segment: ``VRRP 51 eth0/10``, ``VRRP 53 (IPv6) eth0/10``."""
    if mask.on:
        return f"{mask.text(router_name(key))} {mask.name(key.segment)}"
    return _group(key)


@lru_cache(maxsize=20_000)
def _group(key: GroupKey) -> str:
    return f"{router_name(key)} {safe_text(key.segment)}"


def brief(value: Seconds) -> str:
    """A duration in at most five cells: ``0.3s``, ``59s``, ``3m04s``, ``17m``, ``2h10m``, ``3d04h``, ``120d``."""
    if value < 0:
        return "0.0s"
    if value < 9.95:
        return f"{value:.1f}s"
    whole = round(value)
    if whole < 60:
        return f"{whole}s"
    for size, unit, part, name, end in _UNITS:
        if whole < 10 * size:
            return f"{whole // size}{unit}{whole % size // part:02d}{name}"
        if whole < end:
            break
    return f"{whole // size}{unit}"


def age(at: Instant, now: Instant) -> str:
    """How long ago something was, briefly."""
    return brief((now - at) / NANOSECONDS)


@lru_cache(maxsize=4_096)
def short(value: Seconds | None) -> str:
    """An interval or a jitter in a narrow column: ``1s``, ``4.2ms``, ``412µs``; a dash where it is unknown."""
    if value is None:
        return "-"
    if 0 < value < 0.0009995:
        return f"{value * 1e6:.0f}µs"
    return duration(value).replace(" ", "")
