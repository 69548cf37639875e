"""What waits for one sink, in order; bounded, and what was over before it could be told goes first."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from vrrpwatch.alerts.outbox import Message
from vrrpwatch.core.model import Seconds

# A receiver that was away for a day at the usual rate (10 a minute) gets everything.
MAX_QUEUED: Final = 15_000
# How many go at once when there is no more room: looking for them takes a look at all.
_TRIM: Final = MAX_QUEUED // 10


class Queue:
    """All methods are called with ``lock`` held."""

    def __init__(self, lock: threading.RLock, messages: Iterable[Message] = ()) -> None:
        self.changed = threading.Condition(lock)
        self.stopping = False
        self.ended = False
        self._messages = OrderedDict((message.sequence, message) for message in messages)

    def __len__(self) -> int:
        return len(self._messages)

    def all(self) -> list[Message]:
        return list(self._messages.values())

    def put(self, message: Message) -> list[int]:
        """Adds a message; returns the sequences of those that had to go for it."""
        dropped = self._trim() if len(self._messages) >= MAX_QUEUED else []
        self._messages[message.sequence] = message
        self.changed.notify_all()
        return dropped

    def head(self) -> Message | None:
        return next(iter(self._messages.values()), None)

    def remove(self, sequence: int) -> bool:
        """Whether it was still there."""
        return self._messages.pop(sequence, None) is not None

    def stop(self) -> None:
        """What can be delivered at once still is."""
        self.stopping = True
        self.changed.notify_all()

    def end(self) -> None:
        """Nothing more is to be delivered."""
        self.stopping = self.ended = True
        self.changed.notify_all()

    def wait(self, timeout: Seconds | None) -> None:
        """Waits for a message or for the end, at most so long."""
        self.changed.wait_for(lambda: self.stopping or self._messages, timeout)

    def pause(self, timeout: Seconds) -> None:
        """Waits so long, or until the end."""
        self.changed.wait_for(lambda: self.stopping, timeout)

    def _trim(self) -> list[int]:
        # The first may be under way.
        waiting = self.all()[1:]
        began: dict[str, int] = {}
        dropped: list[int] = []
        for message in waiting:
            if message.alert.status == "firing":
                began[message.alert.id] = message.sequence
            elif (first := began.pop(message.alert.id, None)) is not None:
                dropped += (first, message.sequence)
                if len(dropped) >= _TRIM:
                    break
        if not dropped:
            dropped = [message.sequence for message in waiting[:_TRIM]]
        for sequence in dropped:
            del self._messages[sequence]
        return dropped
