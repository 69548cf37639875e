"""Speaks and listens for all routers of the agent by raw sockets: the ``Wire`` that they act on, and their readers.

Nothing here blocks.  What cannot be sent is counted, and told once until it works again: an interface that vanishes
must not stop the routers on others.
"""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from vrrpwatch.agent.config.routers import Router, VrrpRouter
from vrrpwatch.agent.ports import Attachment, Discarded, Heard
from vrrpwatch.agent.speaking import raw
from vrrpwatch.agent.speaking.frames import Composer, announcement
from vrrpwatch.agent.speaking.listening import Clocks, Ear, Hearer, Tally
from vrrpwatch.agent.speaking.sequences import Replays, Sequences
from vrrpwatch.agent.speaking.verifying import Reason, Remark, Verifier
from vrrpwatch.core.machine.settings import Advert
from vrrpwatch.core.model import Instant
from vrrpwatch.wire.checksum import PROTOCOL
from vrrpwatch.wire.ip import AH_PROTOCOL
from vrrpwatch.wire.values import IPAddress, Mac

_FORWARDING: Final = "/proc/sys/net/ipv6/conf/{}/forwarding"

# The kernel ends a real-time program that never pauses (RLIMIT_RTTIME, see urgency.py), and whoever floods a segment
# leaves none to an event loop.  So after so many full reads, a quarter of a second's at most, there is a short one.
_READS_UNTIL_PAUSE: Final = 256
_PAUSE: Final = 50e-6
_pause = time.sleep

_EarKey = tuple[int, int, int]
_MouthKey = tuple[int, IPAddress]


class Counters(NamedTuple):
    """What became of a router's packets so far; ``dropped`` are those that its interface's sockets had no room for."""

    sent: int
    unsent: int
    announced: int
    received: int
    discarded: dict[Reason, int]
    remarks: dict[Remark, int]
    dropped: int


@dataclass(slots=True)
class _Lasting:
    """What a router keeps while it has no interface."""

    sequences: Sequences
    replays: Replays = field(default_factory=Replays)
    tally: Tally = field(default_factory=Tally)
    joined: bool = False
    # What has failed and was told.
    failing: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Mouth:
    """A sending socket and how many routers use it."""

    socket: socket.socket
    users: int = 0


@dataclass(slots=True, eq=False)
class _Speaker:
    """A router that is attached."""

    router: Router
    attachment: Attachment
    lasting: _Lasting
    composer: Composer
    hearer: Hearer
    ears: tuple[_EarKey, ...]
    mouth: _MouthKey
    addresses: tuple[raw.SocketAddress, ...]
    # By device, the addresses to announce there.
    announced: dict[str, list[IPAddress]]
    # By device, what its frames were made for, and the frames.
    frames: dict[str, tuple[Mac, bool, list[bytes]]] = field(default_factory=dict)


def _nothing(_: int) -> None:
    """For who needs not know."""


class Sockets:
    """The sockets of one network namespace, shared by the routers that can share them.

    ``told`` gets a line for people when something fails, ``refused`` the first advert that a router discards for each
    reason.  ``opened`` and ``closing`` get the number of each socket to read from, after it was opened and before it is
    closed: for an event loop.  Raises :class:`OSError` where raw sockets are not permitted.
    """

    def __init__(
        self,
        told: Callable[[str], None],
        refused: Callable[[Discarded], None],
        *,
        opened: Callable[[int], None] = _nothing,
        closing: Callable[[int], None] = _nothing,
        clocks: Clocks = Clocks(),  # noqa: B008  # a tuple
    ) -> None:
        self._told, self._refused = told, refused
        self._opened, self._closing = opened, closing
        self._clocks = clocks
        self._full_reads = 0
        self._announcer = raw.open_announcer()
        self._lasting: dict[str, _Lasting] = {}
        self._speakers: dict[str, _Speaker] = {}
        self._ears: dict[_EarKey, Ear] = {}
        self._by_fileno: dict[int, Ear] = {}
        self._mouths: dict[_MouthKey, _Mouth] = {}

    def attach(self, router: Router, attachment: Attachment) -> None:
        """The router speaks and listens there from now on; what it counted goes on, and so does its membership.

        Raises :class:`OSError` where the interface has gone or the right is missing; then all is as it was before.
        """
        name = router.name
        lasting = self._lasting.get(name)
        if lasting is None:
            lasting = self._lasting[name] = _Lasting(Sequences(secrets.randbits(64)))
        speaker = _speaker(router, attachment, lasting)
        self._open(speaker)
        lasting.failing.clear()
        before = self._speakers.get(name)
        self._speakers[name] = speaker
        if lasting.joined:
            self._listen(speaker)
        if before is not None:
            self._close(before)
        # When it takes over, they are ready.
        for device, addresses in speaker.announced.items():
            with contextlib.suppress(OSError):
                self._frames(speaker, device, addresses)

    def detach(self, router: str) -> None:
        """It has no interface for now."""
        speaker = self._speakers.pop(router, None)
        if speaker is not None:
            self._close(speaker)

    def forget(self, router: str) -> None:
        """It has been removed: its counters go too."""
        self.detach(router)
        self._lasting.pop(router, None)

    def close(self) -> None:
        """Closes everything."""
        for name in tuple(self._speakers):
            self.detach(name)
        self._announcer.close()

    def filenos(self) -> tuple[int, ...]:
        """What to read from with :meth:`receive`; attaching and detaching change it."""
        return tuple(self._by_fileno)

    def receive(self, fileno: int) -> list[Heard]:
        """The adverts that count of what has come there; where more is left, the socket stays readable."""
        ear = self._by_fileno.get(fileno)
        if ear is None:
            return []
        try:
            heard = ear.read()
        except OSError as error:
            ear.heard_until = self._clocks.boot()
            for hearer in ear.hearers:
                self._fail(hearer.name, "advertisement can be received", error)
            return []
        self._pause_now_and_then(ear)
        return heard

    def _pause_now_and_then(self, ear: Ear) -> None:
        self._full_reads += ear.full
        if self._full_reads >= _READS_UNTIL_PAUSE:
            self._full_reads = 0
            _pause(_PAUSE)

    def behind(self, fileno: int, instant: Instant) -> bool:
        """Whether something that came before ``instant`` may be left to receive."""
        ear = self._by_fileno.get(fileno)
        return ear is not None and ear.heard_until < instant

    def counters(self, router: str) -> Counters:
        """Raises :class:`KeyError` for a router that was never attached."""
        tally = self._lasting[router].tally
        speaker = self._speakers.get(router)
        dropped = sum(self._ears[key].dropped for key in speaker.ears) if speaker is not None else 0
        return Counters(
            tally.sent,
            tally.unsent,
            tally.announced,
            tally.received,
            dict(tally.discarded),
            dict(tally.remarks),
            dropped,
        )

    # The Wire.

    def join(self, router: str) -> None:
        lasting, speaker = self._lasting.get(router), self._speakers.get(router)
        if lasting is not None:
            lasting.joined = True
        if speaker is not None:
            self._listen(speaker)

    def leave(self, router: str) -> None:
        lasting, speaker = self._lasting.get(router), self._speakers.get(router)
        if lasting is not None:
            lasting.joined = False
        if speaker is not None:
            self._stop_listening(speaker)

    def send(self, router: str, advert: Advert) -> str | None:
        speaker = self._speakers.get(router)
        if speaker is None:
            return "it has no interface"
        lasting = speaker.lasting
        tally = lasting.tally
        made = self._mouths[speaker.mouth].socket
        packets = speaker.composer.compose(advert, self._clocks.wall())
        refused: str | None = None
        heard = False
        for packet, address in zip(packets, speaker.addresses, strict=True):
            try:
                made.sendto(packet, address)
            except OSError as error:
                tally.unsent += 1
                refused = error.strerror or str(error)
                self._fail(router, "advertisement can be sent", error)
            else:
                tally.sent += 1
                heard = True
                lasting.failing.discard("advertisement can be sent")
        return None if heard else refused

    def announce(self, router: str) -> None:
        speaker = self._speakers.get(router)
        if speaker is None:
            return
        for device, addresses in speaker.announced.items():
            try:
                for frame in self._frames(speaker, device, addresses):
                    self._announcer.sendto(frame, (device, int.from_bytes(frame[12:14])))
                    speaker.lasting.tally.announced += 1
            except OSError as error:
                self._fail(router, f"announcement can be sent on {device}", error)
            else:
                speaker.lasting.failing.discard(f"announcement can be sent on {device}")

    # How it works.

    def _frames(self, speaker: _Speaker, device: str, addresses: list[IPAddress]) -> list[bytes]:
        """None on what is no Ethernet, such as the loopback device: there is nobody to tell."""
        mac = raw.ethernet_address(self._announcer, device)
        if mac is None:
            return []
        if device == speaker.attachment.device:
            mac = speaker.attachment.mac
        router = any(address.version == 6 for address in addresses) and _forwards(device)
        known = speaker.frames.get(device)
        if known is None or known[:2] != (mac, router):
            made = [announcement(address, mac, router=router) for address in addresses]
            known = speaker.frames[device] = (mac, router, made)
        return known[2]

    def _open(self, speaker: _Speaker) -> None:
        fresh: list[_EarKey] = []
        try:
            for key in speaker.ears:
                if key not in self._ears:
                    self._ears[key] = Ear(*key, self._clocks, self._refused)
                    fresh.append(key)
            if speaker.mouth not in self._mouths:
                self._mouths[speaker.mouth] = _Mouth(raw.open_sender(*speaker.mouth))
        except OSError:
            for key in fresh:
                self._ears.pop(key).socket.close()
            raise
        self._mouths[speaker.mouth].users += 1
        for key in speaker.ears:
            self._ears[key].hearers.append(speaker.hearer)
        for key in fresh:
            ear = self._ears[key]
            self._by_fileno[ear.socket.fileno()] = ear
            self._opened(ear.socket.fileno())

    def _close(self, speaker: _Speaker) -> None:
        self._stop_listening(speaker)
        for key in speaker.ears:
            ear = self._ears[key]
            ear.hearers.remove(speaker.hearer)
            if not ear.hearers:
                fileno = ear.socket.fileno()
                self._closing(fileno)
                del self._ears[key], self._by_fileno[fileno]
                ear.socket.close()
        mouth = self._mouths[speaker.mouth]
        mouth.users -= 1
        if not mouth.users:
            mouth.socket.close()
            del self._mouths[speaker.mouth]

    def _listen(self, speaker: _Speaker) -> None:
        for key in speaker.ears:
            try:
                self._ears[key].listen(speaker.hearer)
            except OSError as error:
                self._fail(speaker.router.name, "group can be joined", error)

    def _stop_listening(self, speaker: _Speaker) -> None:
        for key in speaker.ears:
            # Where the interface has gone, the kernel has left the group already.
            with contextlib.suppress(OSError):
                self._ears[key].stop_listening(speaker.hearer)

    def _fail(self, router: str, what: str, error: OSError) -> None:
        failing = self._lasting[router].failing
        if what in failing:
            return
        failing.add(what)
        speaker = self._speakers.get(router)
        where = f" (interface {speaker.attachment.interface})" if speaker is not None else ""
        self._told(f"router {router}{where}: no {what}: {error.strerror or error}")


def _speaker(router: Router, attachment: Attachment, lasting: _Lasting) -> _Speaker:
    source, family = attachment.source, router.family
    composer = Composer(router, source, lasting.sequences)
    settings = router.settings(source)
    composer.prepare(settings.advert)
    composer.prepare(settings.resignation)
    verifier = Verifier(router, source, lasting.sequences, lasting.replays)
    peers = tuple(peer.packed for peer in router.peers)
    authenticated = isinstance(router, VrrpRouter) and router.auth is not None and router.auth.type == "ah"
    protocols = (PROTOCOL, AH_PROTOCOL) if authenticated else (PROTOCOL,)
    announced: dict[str, list[IPAddress]] = {}
    for one in router.addresses:
        elsewhere = one.interface is not None and one.interface != router.interface
        device = one.interface if elsewhere and one.interface is not None else attachment.device
        announced.setdefault(device, []).append(one.address.ip)
    return _Speaker(
        router,
        attachment,
        lasting,
        composer,
        Hearer(router.name, router.id, peers, verifier, lasting.tally),
        ears=tuple((attachment.index, family, protocol) for protocol in protocols),
        mouth=(attachment.device_index, source),
        addresses=tuple(_socket_address(one, attachment.device_index) for one in composer.destinations),
        announced=announced,
    )


def _socket_address(address: IPAddress, index: int) -> raw.SocketAddress:
    if address.version == 4:
        return str(address), 0
    # Of a global one the socket would refuse another interface's number, and it is bound to this one anyway.
    return str(address), 0, 0, index if address.is_link_local or address.is_multicast else 0


def _forwards(device: str) -> bool:
    try:
        return Path(_FORWARDING.format(device)).read_text().strip() != "0"
    except OSError:
        # IPv6 is off there.
        return False
