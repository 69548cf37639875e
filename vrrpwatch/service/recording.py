"""Plays captures as if they were heard now: from any moment on, at any speed, forwards and back."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from threading import Event as Flag
from threading import RLock
from typing import Final

from vrrpwatch.capture.files import Stream, open_capture
from vrrpwatch.capture.merge import Feed, merged
from vrrpwatch.capture.naming import Names
from vrrpwatch.capture.reader import CaptureReader
from vrrpwatch.capture.rotation import Streams
from vrrpwatch.capture.session import WANTED
from vrrpwatch.capture.sources import first_instant, told_batches, total_size
from vrrpwatch.core.analysis import Analysis
from vrrpwatch.core.engine import EngineOptions
from vrrpwatch.core.frames import Batch, Loss
from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.core.monitor import Monitor
from vrrpwatch.service.shared import SharedView

# Speeds that a person asks for; 1 is the capture's own.
SLOWEST: Final = 1 / 16
FASTEST: Final = 10_000.0
# So many steps a recording is heard in at least, where it is long enough: what is counted, is counted at its time.
STEPS: Final = 1_000
SHORTEST_STEP: Final = 512
LONGEST_STEP: Final = 1 << 20
# How often what plays moves on.
BEAT: Final = 0.05
# How long hearing may go on before whoever waits for the lock gets it (locks are not fair), and for how long it rests.
STRETCH: Final = 0.005
REST: Final = 0.0005

OptionsOf = Callable[[Names, tuple[Loss, ...]], EngineOptions]


class _Sips:
    """A capture in small pieces, each of which the reader hands on at once."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._size = size

    def readinto(self, view: memoryview, /) -> int:
        return self._stream.readinto(view[: self._size])

    def close(self) -> None:
        self._stream.close()


class Recording:
    """Captures that play; ``view`` is what is to be seen at :attr:`position`.

    :meth:`run` plays, in a thread of its own; all else may be called from any other and never waits for long.
    """

    def __init__(
        self,
        paths: Sequence[str],
        whole: Analysis,
        options: OptionsOf,
        *,
        losses: tuple[Loss, ...] = (),
        speed: float = 1.0,
        clock: Callable[[], float],
    ) -> None:
        """``whole`` is the analysis of the same captures; ``clock`` counts seconds, from wherever."""
        self._paths = tuple(paths)
        self._streams = Streams(paths)
        self._options = options
        self._losses = losses
        self._clock = clock
        self._step = min(max((total_size(paths) or 0) // STEPS, SHORTEST_STEP), LONGEST_STEP)
        self.first = min((source.first for source in whole.sources if source.first is not None), default=0)
        ends = (source.last for source in whole.sources if source.last is not None)
        self.last = max(whole.until, *ends, self.first)
        self.lock: Final = RLock()
        self._wanted: Instant = self.first
        self._position: Instant = self.first
        self._playing = True
        self._speed = speed
        self._open: list[Generator[Batch]] = []
        self._feed, self._monitor = self._rewound()
        self.view: Final = SharedView(self._monitor, self.lock)

    # What a player's controls do.

    @property
    def position(self) -> Instant:
        return self._position

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def speed(self) -> float:
        return self._speed

    def play(self) -> None:
        if self._wanted >= self.last:
            self.seek(self.first)
        self._playing = True

    def pause(self) -> None:
        self._playing = False

    def set_speed(self, speed: float) -> None:
        """So many seconds of the recording in one second."""
        self._speed = min(max(speed, SLOWEST), FASTEST)

    def seek(self, at: Instant) -> None:
        """Goes to an instant, as soon as all up to it was heard."""
        with self.lock:
            self._wanted = min(max(at, self.first), self.last)

    def run(self, closing: Flag) -> None:
        """Plays and seeks until ``closing`` is set; raises ``CaptureError`` where a capture is gone."""
        before = rested = self._clock()
        while not closing.is_set():
            now = self._clock()
            behind = self.move((now - before) * self._speed if self._playing else 0.0)
            before = now
            if not behind or now - rested >= STRETCH:
                closing.wait(REST if behind else BEAT)
                rested = self._clock()

    def close(self) -> None:
        """Lets go of the captures."""
        self._let_go()

    def move(self, seconds: float) -> bool:
        """Moves on by so many seconds of the recording and hears one step; whether there is more to hear."""
        with self.lock:
            self._wanted = min(self._wanted + int(seconds * NANOSECONDS), self.last)
            if self._wanted < self._position:
                self._feed, self._monitor = self._rewound()
                self.view.replace(self._monitor)
                self._position = self.first
            more = self._hear(self._wanted)
            if not more:
                self._monitor.tick(self._wanted)
                self._position = self._wanted
                self._playing = self._playing and self._wanted < self.last
            return more

    def _hear(self, until: Instant) -> bool:
        """Hears one batch at most, of what comes ``until`` then; whether there may be more."""
        feed = self._feed
        if feed.batch is None and not feed.advance():
            return False
        batch = feed.batch
        if batch is None:
            return False
        if feed.until <= until:
            feed.batch = None
        else:
            batch, _ = feed.split(until, inclusive=True)
        self._monitor.feed(batch)
        self._position = max(self._position, min(self._monitor.now, until))
        return feed.batch is None

    def _rewound(self) -> tuple[Feed, Monitor]:
        self._let_go()
        names = Names(self._streams.names(), None)
        self._open = [self._batches(path, number, names) for number, path in enumerate(self._paths)]
        monitor = Monitor(self._options(names, self._losses))
        if len(self._open) == 1:
            return Feed(0, None, self._open[0]), monitor
        feeds = [
            Feed(number, first_instant(path), batches)
            for number, (path, batches) in enumerate(zip(self._paths, self._open, strict=True))
        ]
        return Feed(0, None, merged(feeds)), monitor

    def _let_go(self) -> None:
        for batches in self._open:
            batches.close()

    def _batches(self, path: str, number: int, names: Names) -> Generator[Batch]:
        with closing(_Sips(open_capture(path), self._step)) as stream:
            reader = CaptureReader(path, number, wanted=WANTED, stream=stream, batch_bytes=1)
            for batch, facts in told_batches(reader):
                names.describe(number, facts.format, facts.interfaces)
                if batch is not None:
                    yield batch
