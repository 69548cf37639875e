"""What each speaker says over time: a new run where its settings change, made from what is told of the groups."""

from collections import OrderedDict
from typing import Final, NamedTuple

from vrrpwatch.core.analysis import GroupInfo, SpeakerInfo
from vrrpwatch.core.model import GroupKey, Instant, SpeakerKey

# As many speakers as the engine follows (sources are forgeable); one that is forgotten begins a new run.
MAX_SPEAKERS: Final = 16_384


class RunKey(NamedTuple):
    """Which run: whose, and when it was first heard."""

    group: GroupKey
    speaker: SpeakerKey
    first: Instant


class RunNow(NamedTuple):
    """A run so far; ``info`` has the settings, ``adverts`` counts those of the run alone."""

    info: SpeakerInfo
    last: Instant
    adverts: int


class _Begun(NamedTuple):
    settings: SpeakerInfo
    first: Instant
    last: Instant
    adverts: int
    before: int


class Runs:
    """Follows the speakers of all groups.  A change is seen when it is told, so ``first`` is as exact as news come."""

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[GroupKey, SpeakerKey], _Begun] = OrderedDict()

    def follow(self, group: GroupInfo) -> list[tuple[RunKey, RunNow]]:
        """The runs that began or grew."""
        return [run for speaker in group.speakers if (run := self._follow(group.key, speaker)) is not None]

    def _follow(self, group: GroupKey, speaker: SpeakerInfo) -> tuple[RunKey, RunNow] | None:
        key = (group, speaker.key)
        begun = self._begun.get(key)
        settings = _settings(speaker)
        if begun is not None and speaker.last <= begun.last:
            # Told before, or older than what was.
            return None
        if begun is None or speaker.adverts < begun.adverts:
            # New, or forgotten by the engine and heard anew.
            begun = _Begun(settings, speaker.first, speaker.last, speaker.adverts, 0)
        elif settings != begun.settings:
            begun = _Begun(settings, speaker.last, speaker.last, speaker.adverts, begun.adverts)
        else:
            begun = begun._replace(last=speaker.last, adverts=speaker.adverts)
        self._begun[key] = begun
        self._begun.move_to_end(key)
        if len(self._begun) > MAX_SPEAKERS:
            self._begun.popitem(last=False)
        return RunKey(group, speaker.key, begun.first), RunNow(speaker, speaker.last, speaker.adverts - begun.before)


def _settings(speaker: SpeakerInfo) -> SpeakerInfo:
    return speaker._replace(adverts=0, first=0, last=0, authentic_addresses=None)
