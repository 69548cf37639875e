"""The talk between two doctors as a state machine without I/O or clock: find each other, send frames, compare notes.

Instants are seconds of any steady clock, handed in by the caller.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

from vrrpwatch.doctor.pair_frames import Kind, Mark, Side, borrowed_mac, decode, encode, tag
from vrrpwatch.wire.layout import Layout, octets
from vrrpwatch.wire.values import IPAddress, Mac

# In the range that IANA leaves to private use (RFC 6335 §6).
PORT: Final = 51112
NONCE: Final = 16
_MAGIC: Final = b"VRRPwDr1"
_KINDS: Final = len(Kind)
_COUNTERS: Final = _KINDS * 3
_HELLO: Final = Layout(
    "hello", magic=octets(8), phase=8, vrid=8, mac=octets(6), nonce=octets(NONCE), echo=octets(NONCE), tag=octets(16)
)
# The counters follow the head, two octets each: sent, received, reflected of each kind.
_SIZE: Final = _HELLO.size + 2 * _COUNTERS
_LARGEST: Final = 0xFFFF


class Timing(NamedTuple):
    """How long each part lasts, in seconds: waiting for the peer, sending frames, waiting for its last word."""

    wait: float = 30.0
    frames: float = 3.0
    finish: float = 3.0
    hello_every: float = 0.2
    frame_every: float = 0.1


class Phase(IntEnum):
    """Where a side stands; it tells the other with every datagram."""

    SEEKING = 0
    SENDING = 1
    DONE = 2
    HEARD = 3


class Counts(NamedTuple):
    """Frames of each kind, in the order of :class:`Kind`."""

    sent: tuple[int, ...] = (0,) * _KINDS
    received: tuple[int, ...] = (0,) * _KINDS
    reflected: tuple[int, ...] = (0,) * _KINDS


class Result(NamedTuple):
    """What came of it: ``met`` is whether the peer answered; ``theirs`` is its own last account, if it came."""

    met: bool
    ours: Counts
    theirs: Counts | None
    peer_mac: Mac | None
    virtual: Mac | None
    refused: int


class Datagram(NamedTuple):
    """To be sent to the peer by UDP."""

    data: bytes


class Frame(NamedTuple):
    """To be sent as it is, link header first."""

    data: bytes


@dataclass(slots=True)
class Pair:
    """One side.  ``nonce`` is 16 random octets; feed it what arrives, and send what :meth:`due` yields."""

    ip: IPAddress
    mac: Mac
    peer_ip: IPAddress
    vrid: int
    nonce: bytes
    started: float
    timing: Timing
    phase: Phase = Phase.SEEKING
    refused: int = 0
    _peer_nonce: bytes = bytes(NONCE)
    _peer_mac: Mac = ""
    _peer_vrid: int = 0
    _token: bytes | None = None
    _next_hello: float = 0.0
    _next_frame: float = 0.0
    _phase_ends: float = 0.0
    _sequence: int = 0
    _sent: list[int] = field(default_factory=lambda: [0] * _KINDS)
    _received: list[set[int]] = field(default_factory=lambda: [set() for _ in range(_KINDS)])
    _reflected: list[int] = field(default_factory=lambda: [0] * _KINDS)
    _theirs: Counts | None = None
    _peer_phase: Phase = Phase.SEEKING

    def __post_init__(self) -> None:
        self._next_hello = self.started
        self._phase_ends = self.started + self.timing.wait

    @property
    def deadline(self) -> float:
        """When :meth:`due` has something to do next."""
        frame = self._next_frame if self.phase is Phase.SENDING else self._next_hello
        return min(self._next_hello, self._phase_ends, frame)

    @property
    def virtual(self) -> Mac | None:
        """The virtual MAC that this side borrows, known once the peer is: listen for frames to it."""
        return borrowed_mac(self._sender, self.vrid) if self._token is not None else None

    @property
    def _sender(self) -> int:
        return 0 if self.nonce < self._peer_nonce else 1

    def due(self, now: float) -> Iterator[Datagram | Frame]:
        """What is to be sent by now."""
        if now >= self._phase_ends:
            self._advance(now)
        if now >= self._next_hello:
            self._next_hello = now + self.timing.hello_every
            yield Datagram(self._hello())
        if self.phase is Phase.SENDING and now >= self._next_frame:
            # A late timer must not cause a burst: what was missed is not made up for.
            self._next_frame = now + self.timing.frame_every
            yield from self._frames()

    def finished(self, now: float) -> bool:
        """Whether there is nothing more to learn: both sides said their last word, or the time is up."""
        if self.phase is Phase.SEEKING:
            return now >= self._phase_ends
        if self.phase is Phase.HEARD and self._peer_phase is Phase.HEARD:
            return True
        return self.phase >= Phase.DONE and now >= self._phase_ends

    def result(self) -> Result:
        met = self._token is not None
        return Result(met, self._ours(), self._theirs, self._peer_mac if met else None, self.virtual, self.refused)

    def hear_datagram(self, data: bytes, source: IPAddress, now: float) -> None:
        """A datagram arrived; what is not the peer's is counted as refused and changes nothing."""
        head = _HELLO.unpack(data, 0) if len(data) == _SIZE else None
        if head is None or head.magic != _MAGIC or source != self.peer_ip or head.phase > max(Phase) or not head.vrid:
            self.refused += 1
            return
        if self._token is None:
            self._meet(head.nonce, head.echo, head.mac.hex(":"), head.vrid, now)
        if self._token is None or head.nonce != self._peer_nonce or head.phase == Phase.SEEKING:
            return
        if not compare_digest(head.tag, tag(self._token, _untagged(data))):
            self.refused += 1
            return
        self._peer_phase = max(self._peer_phase, Phase(head.phase))
        self._theirs = _counts(data[_HELLO.size :])
        if self._peer_phase >= Phase.DONE and self.phase is Phase.DONE:
            self.phase = Phase.HEARD
            self._next_hello = now

    def hear_frame(self, frame: bytes) -> None:
        """A frame arrived that this host did not just send; foreign ones are of no interest."""
        mark = decode(frame, self._token) if self._token is not None else None
        if mark is None:
            return
        if mark.sender == self._sender:
            self._reflected[mark.kind] = min(self._reflected[mark.kind] + 1, _LARGEST)
        else:
            self._received[mark.kind].add(mark.sequence)

    def _meet(self, nonce: bytes, echo: bytes, mac: Mac, vrid: int, now: float) -> None:
        """Only who received our datagram can echo our nonce, so nobody off the path can pretend to be the peer."""
        if nonce == self.nonce or nonce == bytes(NONCE):
            self.refused += 1
            return
        # A peer that was started anew has a new nonce.
        self._peer_nonce, self._peer_mac, self._peer_vrid = nonce, mac, vrid
        self._next_hello = min(self._next_hello, now)
        if echo != self.nonce:
            return
        self._token = blake2b(b"".join(sorted((self.nonce, nonce))), digest_size=32).digest()
        self.phase = Phase.SENDING
        # The peer may be one datagram behind, and needs to know the token before the first frame.
        self._next_frame = now + self.timing.hello_every
        self._phase_ends = now + self.timing.hello_every + self.timing.frames

    def _advance(self, now: float) -> None:
        if self.phase is Phase.SENDING:
            self.phase = Phase.HEARD if self._peer_phase >= Phase.DONE else Phase.DONE
            self._phase_ends = now + self.timing.finish
            self._next_hello = now

    def _hello(self) -> bytes:
        raw_mac = bytes.fromhex(self.mac.replace(":", ""))
        counts = self._ours()
        tail = b"".join(min(n, _LARGEST).to_bytes(2) for n in (*counts.sent, *counts.received, *counts.reflected))
        head: dict[str, int | bytes] = {
            "magic": _MAGIC,
            "phase": self.phase,
            "vrid": self.vrid,
            "mac": raw_mac,
            "nonce": self.nonce,
            "echo": self._peer_nonce,
        }
        data = _HELLO.pack(**head, tag=bytes(16)) + tail
        if self._token is None:
            return data
        return _HELLO.pack(**head, tag=tag(self._token, _untagged(data))) + tail

    def _frames(self) -> Iterator[Frame]:
        if self._token is None:
            return
        own = Side(self.ip, self.mac, borrowed_mac(self._sender, self.vrid))
        peer = Side(self.peer_ip, self._peer_mac, borrowed_mac(1 - self._sender, self._peer_vrid))
        for kind in Kind:
            yield Frame(encode(Mark(kind, self._sender, self._sequence), self._token, own, peer))
            self._sent[kind] += 1
        self._sequence = (self._sequence + 1) & _LARGEST

    def _ours(self) -> Counts:
        return Counts(tuple(self._sent), tuple(map(len, self._received)), tuple(self._reflected))


def _untagged(data: bytes) -> bytes:
    """A datagram without its tag, which stands at the end of its head."""
    return data[: _HELLO.size - 16] + data[_HELLO.size :]


def _counts(tail: bytes) -> Counts:
    numbers = [int.from_bytes(tail[at : at + 2]) for at in range(0, 2 * _COUNTERS, 2)]
    return Counts(tuple(numbers[:_KINDS]), tuple(numbers[_KINDS : 2 * _KINDS]), tuple(numbers[2 * _KINDS :]))
