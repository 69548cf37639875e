"""Which sensors of a store have gone silent, and which of their virtual routers nobody hears."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from vrrpwatch.core.model import NANOSECONDS, GroupKey, Instant, nanoseconds
from vrrpwatch.core.news import GroupRow
from vrrpwatch.report.units import clock, date, duration
from vrrpwatch.service.silences import Silences, Told, places_of

if TYPE_CHECKING:
    from vrrpwatch.store.status import SensorStatus

# A sensor writes every second; one whose database was away tries again after 15 s at the latest.
SILENT: Final = 20 * NANOSECONDS
# A sensor tells of a virtual router that it hears every 10 s, and its database may be slow.
UNTOLD: Final = 30 * NANOSECONDS


class Sensors:
    """Follows, by the clock of who looks, when each sensor told something last: their own clocks may be wrong."""

    def __init__(self) -> None:
        # The time of each sensor's newest news, and when that was new here.
        self._newest: dict[str, tuple[Instant, Instant]] = {}

    def silences(self, sensors: "Sequence[SensorStatus]", unheard: frozenset[GroupKey], now: Instant) -> Silences:
        """Who is silent at ``now``, with the virtual routers ``unheard`` by sensors that are not."""
        told: list[tuple[Instant, Told]] = []
        places: set[str] = set()
        for sensor in sensors:
            # Of what was before one has its word only.
            before, at = self._newest.get(sensor.name, (sensor.last, min(sensor.last, now)))
            if before != sensor.last:
                at = now
            self._newest[sensor.name] = sensor.last, at
            silent = now - at >= SILENT
            if silent and sensor.last:
                places.add(sensor.name)
            if line := _line(sensor, at, now, silent=silent):
                told.append((at, Told(sensor.name, f"sensor {sensor.name}: {line}")))
        told.sort(key=lambda item: -item[0])
        return Silences(tuple(line for _, line in told), frozenset(places), unheard)


def unheard(rows: Iterable[GroupRow], sensors: "Iterable[SensorStatus]") -> frozenset[GroupKey]:
    """Virtual routers of which their sensor told nothing for too long, neither that they are there nor that not.

    It does not know: the interface is down or not watched any more, or they went while it did not run.
    """
    newest = {sensor.name: sensor.last for sensor in sensors}
    return frozenset(
        row.key
        for row in rows
        if row.state != "lost"
        and newest.get(places_of(row.key.segment)[0], 0) - row.last > UNTOLD + nanoseconds(4 * row.interval)
    )


def _line(sensor: "SensorStatus", at: Instant, now: Instant, *, silent: bool) -> str:
    """What is to be said of a sensor of which the newest news came ``at``; empty where all is well."""
    if not sensor.last:
        return "has heard nothing yet"
    if silent:
        day = "" if date(at) == date(now) else f"{date(at)} "
        return f"nothing for {_whole(now - at)}, since {day}{clock(at, 0)}Z"
    if now - sensor.last >= SILENT:
        return f"its news are {_whole(now - sensor.last)} old: its clock is behind, or its journal catches up"
    if sensor.last - now >= SILENT:
        return f"its clock is {_whole(sensor.last - now)} ahead"
    return ""


def _whole(span: Instant) -> str:
    return duration(span // NANOSECONDS)
