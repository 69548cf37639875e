"""Decides when connections are handed over: only where a master that lives is relieved, and knows how to linger."""

from typing import Literal

from vrrpwatch.agent.member import DRAINED_DEMOTION, DRAINED_PRIORITY, Member
from vrrpwatch.agent.ports import Handover, Heard
from vrrpwatch.core.machine.settings import LATE, Advert, CarpAdvert
from vrrpwatch.core.machine.values import AdvertReceived, Input, StandBack
from vrrpwatch.core.model import Instant, nanoseconds

Mode = Literal["drained", "always", "never"]


class Relief:
    """What a node asks at each change of masters; ``mode`` is the setting of that name."""

    def __init__(self, handover: Handover, mode: Mode) -> None:
        self._handover, self._mode = handover, mode
        # When each master that is about to be relieved was heard last, by router.
        self._foreseen: dict[str, Instant] = {}

    def foresee(self, member: Member, heard: Heard, now: Instant) -> None:
        """A backup has heard its master."""
        if self._mode == "always" or (self._mode == "drained" and _drains(heard.advert)):
            self._foreseen[member.name] = now
            self._handover.guide(member.name, heard.source)
        else:
            self.resigned(member)

    def resigned(self, member: Member) -> None:
        """A backup has heard its master say goodbye, which takes its connections with it."""
        if self._foreseen.pop(member.name, None) is not None:
            self._handover.forget(member.name)

    def relieve(self, member: Member, now: Instant) -> None:
        """A backup has become master."""
        heard = self._foreseen.pop(member.name, None)
        if heard is None:
            return
        # One that was silent for longer is dead, and its connections with it.
        alive = now - heard < nanoseconds(LATE * member.interval)
        (self._handover.relieved if alive else self._handover.forget)(member.name)

    def lingers(self, member: Member, event: Input) -> bool:
        """Whether a master that lets go over ``event`` will get the rest of its connections back."""
        if self._mode == "never" or not isinstance(event, AdvertReceived | StandBack):
            return False
        return self._mode == "always" or member.drained


def _drains(advert: Advert) -> bool:
    """Whether a master says that it wants to be relieved, as this agent's do."""
    if isinstance(advert, CarpAdvert):
        return max(advert.advskew, advert.demotion) >= DRAINED_DEMOTION
    return advert.priority == DRAINED_PRIORITY
