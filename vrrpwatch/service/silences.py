"""What cannot be heard now, as screens show it: of which virtual routers silence says nothing, and the words for it."""

from functools import lru_cache
from typing import NamedTuple

from vrrpwatch.core.model import GroupKey


class Told(NamedTuple):
    """A line for people; ``name`` is the interface's or the sensor's that it is about, empty where it is of neither."""

    name: str
    text: str


class Silences(NamedTuple):
    """``told`` has the newest first; ``places`` are interfaces and sensors of which nothing is heard now.

    ``groups`` are virtual routers of other places that nobody hears although nobody told that they were lost.
    """

    told: tuple[Told, ...] = ()
    places: frozenset[str] = frozenset()
    groups: frozenset[GroupKey] = frozenset()

    def cover(self, key: GroupKey) -> bool:
        """Whether what was known of a virtual router may have changed since, unheard."""
        if self.groups and key in self.groups:
            return True
        return bool(self.places) and not self.places.isdisjoint(places_of(key.segment))


NONE = Silences()


@lru_cache(maxsize=20_000)
def places_of(segment: str) -> tuple[str, str]:
    """The sensor of a store's segment (``berlin:eth0/10``), empty without one, and the interface of a live run's."""
    # No interface has a colon in its name, a sensor may.
    return segment.rpartition(":")[0], segment.partition("/")[0]
