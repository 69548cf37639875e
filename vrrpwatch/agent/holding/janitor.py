"""A small process of its own that outlives the agent's death and takes the agent's addresses off this host at once.

It runs as a script in a bare interpreter (``python -I -S``), knows nothing of netlink or of the agent, and imports what
is built in only: it is told over its standard input, as bytes to send, what to do when that ends without a farewell.
Every signal that can be blocked is blocked when it is started.
"""

import _socket
import os
import sys

# What it is told: one octet of kind, a number, the length of what follows.
HEADER = 9
DEFINE, SETTING, FORGET, FAREWELL = b"DSXE"
_READ = 1 << 16
_BUFFER = 4 << 20
_NETLINK_ROUTE, _SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 0, 32, 33


def frame(kind: int, number: int, data: bytes = b"") -> bytes:
    """One thing that the janitor is told: ``number`` names a duty, which a later one of that number replaces.

    DEFINE has requests to rtnetlink, SETTING a path, the value that it must still have and the one that it gets (each
    ended by a zero octet but the last).
    """
    return bytes((kind,)) + number.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data


class Duties:
    """What is to be done once the agent is dead."""

    def __init__(self) -> None:
        self.requests: dict[int, bytes] = {}
        self.settings: dict[int, bytes] = {}
        self.released = False
        self._rest = b""

    def hear(self, data: bytes) -> None:
        """Takes in what was read, as far as it is complete."""
        self._rest += data
        start = 0
        while len(self._rest) - start >= HEADER:
            kind = self._rest[start]
            number = int.from_bytes(self._rest[start + 1 : start + 5], "big")
            end = start + HEADER + int.from_bytes(self._rest[start + 5 : start + HEADER], "big")
            if end > len(self._rest):
                break
            told = self._rest[start + HEADER : end]
            start = end
            if kind == DEFINE:
                self.requests[number] = told
            elif kind == SETTING:
                self.settings[number] = told
            elif kind == FORGET:
                self.requests.pop(number, None)
                self.settings.pop(number, None)
            elif kind == FAREWELL:
                self.released = True
        self._rest = self._rest[start:]

    def perform(self, netlink: _socket.socket) -> int:
        """Takes everything off the host, the addresses first; returns for how many duties that failed."""
        failed = 0
        for requests in self.requests.values():
            try:
                netlink.send(requests)
            except OSError:
                failed += 1
        for told in self.settings.values():
            path, now, was = told.split(b"\0")
            try:
                _put_back(path, now, was)
            except OSError:
                failed += 1
        return failed


def _put_back(path: bytes, now: bytes, was: bytes) -> None:
    setting = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        # Somebody who has changed it since wants it so.
        if os.read(setting, 32).strip() == now:
            os.pwrite(setting, was, 0)
    finally:
        os.close(setting)


def _netlink() -> _socket.socket:
    made = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
    for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
        made.setsockopt(_socket.SOL_SOCKET, option, _BUFFER)
    return made


def main() -> None:
    """Listens on standard input until it ends; the agent's lock, inherited, is free when this process has ended."""
    duties = Duties()
    # Whatever takes time or memory is done now: when the agent dies, the host may be short of both.
    netlink = _netlink()
    os.write(1, b".")
    while data := os.read(0, _READ):
        duties.hear(data)
    if duties.released:
        return
    failed = duties.perform(netlink)
    said = f"vrrpwatch agent: it died: what it held was taken off this host, {failed} parts could not be\n"
    try:
        os.write(2, said.encode())
    except OSError:
        # Its terminal or journal has died with it.
        sys.exit(0)


if __name__ == "__main__":
    main()
