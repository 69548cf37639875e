"""The child process that listens before the agent speaks (``python -m vrrpwatch.agent.auditing.listener``).

It hears with the sniffer, judges with the engine, says what it heard and ends.
"""

import fcntl
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from vrrpwatch.agent.auditing.asking import Asker, Question
from vrrpwatch.agent.auditing.claiming import Claims
from vrrpwatch.agent.auditing.listening import LEAST, Master
from vrrpwatch.agent.auditing.objections import Survey, objections, own_groups
from vrrpwatch.agent.auditing.stations import Station, interfaces, is_unicast, keys
from vrrpwatch.agent.auditing.tasks import ListeningTask, received, say, until_the_agent_ends
from vrrpwatch.capture import bpf
from vrrpwatch.capture.errors import CaptureError
from vrrpwatch.capture.interfaces import look_up
from vrrpwatch.capture.live import Sniffer
from vrrpwatch.capture.live_join import Memberships
from vrrpwatch.capture.live_privileges import drop_privileges
from vrrpwatch.capture.live_socket import RingSize
from vrrpwatch.capture.ring import MAX_CAPTURED
from vrrpwatch.capture.session import WANTED
from vrrpwatch.core.claims import is_virtual
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Batch
from vrrpwatch.core.model import Instant, Seconds
from vrrpwatch.core.notice import Notice
from vrrpwatch.core.policy import SCOPES
from vrrpwatch.service.outages import Outages
from vrrpwatch.service.watching import Watching
from vrrpwatch.wire.values import IPAddress, Mac

# Seconds between two looks at what came in.
INTERVAL: Final = 0.1
# And between two looks at who advertises.
MEETING: Final = 0.5
# Some seconds of adverts and ARP are little.
_RING: Final = RingSize(blocks=16)
_SIOCGIFHWADDR: Final = 0x8927


class _Ears:
    """What a sniffer hears, with something to do in between; ``until`` says when to end it."""

    def __init__(self, sniffer: Sniffer, look: Callable[[Batch], None], until: Callable[[], bool]) -> None:
        self._sniffer = sniffer
        self._look = look
        self._until = until

    @property
    def settled_until(self) -> Instant:
        return self._sniffer.settled_until

    @property
    def drops(self) -> int:
        return self._sniffer.drops

    def batches(self) -> Iterator[Batch | None]:
        for batch in self._sniffer.batches(WANTED):
            if batch is not None:
                self._look(batch)
            yield batch
            if self._until():
                self._sniffer.stop()


class Listening:
    """One listening, from :meth:`open` to :meth:`close`."""

    def __init__(self, task: ListeningTask, told: Callable[[str], None], clock: Callable[[], Seconds]) -> None:
        """``clock`` gives seconds that never step back."""
        stations = self._stations = task.stations
        self._clock = clock
        self._places = interfaces(stations)
        self._seconds = task.seconds
        self._began = clock()
        groups = dict.fromkeys(SCOPES[one.config.protocol, one.config.family][0] for one in stations)
        # A snooping switch passes adverts to those only that have joined.
        self._memberships = Memberships([ip_address(group) for group in groups], told)
        self._sniffer = Sniffer(
            self._places,
            program=bpf.kept(MAX_CAPTURED),
            promiscuous=False,
            size=_RING,
            interval=INTERVAL,
            told=told,
            opened=self._memberships.join,
        )
        subjects = [(one, address) for one in stations for address in _addresses(one)]
        self._claims = Claims((one.attachment.interface, address) for one, address in subjects)
        self._cards = _cards()
        questions = (
            Question(place, self._cards[place], address)
            for one, address in subjects
            if (place := one.attachment.interface) in self._cards
        )
        self._asker = Asker(questions, told)
        self._deaf: dict[str, str] = {}
        self._met: Seconds = 0.0

    def open(self) -> None:
        """Raises :class:`CaptureError` where nothing can be listened to."""
        self._sniffer.open()
        drop_privileges()
        self._began = self._clock()
        self._note_links()

    def stop(self) -> None:
        """Ends it soon; may be called from anywhere."""
        self._sniffer.stop()

    def run(self) -> Survey:
        """Listens until the time is over, or all is known."""
        ears = _Ears(self._sniffer, self._claims.look, self._is_over)
        options = keys(self._stations)
        outages = Outages(self._places, time.time_ns)
        self._watching = Watching(ears, lambda names: EngineOptions(names.interface, keys=options), (), outages)
        found = self._watching.run()
        self._note_links()
        return Survey(
            found.groups, found.findings, self._claims.found, found.multicast, frozenset(self._cards.values())
        )

    @property
    def deaf(self) -> dict[str, str]:
        """Interfaces that could not be listened on for all of the time, and why."""
        return self._deaf

    def close(self) -> None:
        self._asker.close()
        self._sniffer.close()
        self._memberships.close()

    def _is_over(self) -> bool:
        passed = self._clock() - self._began
        if passed >= self._met + MEETING:
            self._met = passed
            self._meet()
        self._asker.ask()
        return passed >= self._seconds or (passed >= LEAST and self._knows_all())

    def _meet(self) -> None:
        """Asks for the cards of those who advertise from virtual MACs: they may answer for the addresses from these."""
        for station in self._stations:
            place, info = station.attachment.interface, self._watching.monitor.group(station.key)
            for speaker in () if info is None else info.speakers:
                hidden = place in self._cards and is_virtual(speaker.key.mac or "")
                if hidden and self._claims.want(place, speaker.key.ip):
                    self._asker.add(Question(place, self._cards[place], speaker.key.ip))

    def _knows_all(self) -> bool:
        """Whether somebody is master of each group: then no silence has to be waited out."""
        monitor = self._watching.monitor
        held = [row.key for row in monitor.rows() if row.master is not None]
        known = set(held)
        unicast = {key[:4] for key in held if is_unicast(key)}
        return all(
            one.key[:4] in unicast if one.config.peers else one.key in known
            for one in self._stations
            if one.attachment.interface not in self._deaf
        )

    def _note_links(self) -> None:
        for place in self._places:
            link = look_up(place)
            if link is None or not link.up:
                self._deaf[place] = "there is no such interface" if link is None else "it is down"


def masters(stations: tuple[Station, ...], survey: Survey) -> Iterator[Master]:
    """Who is master of the routers' groups, where that is certain."""
    for station in stations:
        for info in own_groups(station, survey.groups):
            speaker = next((one for one in info.speakers if one.key == info.master), None)
            if speaker is not None:
                yield Master(
                    station.name,
                    speaker.key.ip,
                    speaker.key.mac,
                    speaker.priority,
                    speaker.advbase,
                    speaker.advskew,
                    speaker.interval,
                    speaker.implementation,
                )


def _addresses(station: Station) -> Iterator[IPAddress]:
    """Whose holders are to be known: the virtual addresses on the router's own segment, and its source."""
    for one in station.config.addresses:
        if one.interface in (None, station.config.interface):
            yield one.address.ip
    yield station.attachment.source


def _cards() -> dict[str, Mac]:
    """The hardware addresses of this host's interfaces (netdevice(7))."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(control, _SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))
            except OSError:
                # It has gone meanwhile.
                continue
            found[name] = answer[18:24].hex(":")
    return found


def main() -> int:
    """Does the task that the agent gives; returns the exit status."""
    task = received()
    if not isinstance(task, ListeningTask):
        return 2

    def told(line: str) -> None:
        say("told", {"line": line, "notice": isinstance(line, Notice)})

    try:
        listening = Listening(task, told, time.monotonic)
        try:
            listening.open()
            until_the_agent_ends(listening.stop)
            survey = listening.run()
        finally:
            listening.close()
    except (CaptureError, OSError) as error:
        say("failed", {"line": str(error)})
        return 1
    for place, why in listening.deaf.items():
        say("deaf", {"line": f"{place}: could not be listened on, for {why}: bring it up, or remove its routers"})
    for master in masters(task.stations, survey):
        say("master", {**master._asdict(), "ip": str(master.ip)})
    for one in objections(task.stations, survey):
        say("objection", {**one._asdict(), "severity": one.severity.value})
    say("done", {})
    return 0


if __name__ == "__main__":
    sys.exit(main())
