"""One packet socket with its TPACKET_V3 ring (packet(7), Documentation/networking/packet_mmap.rst)."""

import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from vrrpwatch.capture import ring
from vrrpwatch.capture.bpf import Instruction, packed

_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_TPACKET_V3 = 2
_MR_PROMISC = 1
_ETH_P_ALL = 3
_SO_ATTACH_FILTER = 26
_TP_STATUS_USER = 1
# Words of a block's header: its status.
_STATUS_WORD = 2
# The kernel wants to be told a frame's size, though this version of the ring puts one right behind the other.
_FRAME_SIZE = 2048
# Less memory than this is not worth watching with.
_LEAST_BLOCKS = 8


class RingSize(NamedTuple):
    """How much a ring holds: blocks of so many octets, each handed over after ``retire`` milliseconds at the latest.

    Every block that is handed over takes its whole room, so many small ones outlast a program that is busy elsewhere
    for longer than few large ones.
    """

    blocks: int = 256
    block: int = 1 << 18
    retire: int = 50

    @property
    def slack(self) -> int:
        """Nanoseconds after which what was captured has surely been handed over.

        The kernel's timer closes a block at its second look, and may itself be late.
        """
        return 3 * self.retire * 1_000_000


def check_right() -> None:
    """Raises :class:`PermissionError` for who may not have packet sockets."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


class Ring:
    """The frames of one interface, or of all (``name`` empty), that ``program`` passes, in the order they came.

    ``read`` writes them out as pcapng blocks.  Raises :class:`OSError` where the kernel refuses.
    """

    def __init__(self, name: str, program: Sequence[Instruction], size: RingSize, snaplen: int) -> None:
        self.transcoder = ring.Transcoder(snaplen)
        self.taken = 0
        self._number = 0
        self._loaded = False
        # Of no protocol, so that nothing comes in before the filter is there.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self._filter(program)
            self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
            self.size = self._reserve(size)
            self._map = mmap.mmap(self._socket.fileno(), self.size.blocks * self.size.block)
            self._bind(name)
        except BaseException:
            self._socket.close()
            raise
        whole = memoryview(self._map)
        self._status = whole.cast("I")
        self._views = [
            whole[number * self.size.block : (number + 1) * self.size.block] for number in range(self.size.blocks)
        ]
        self._whole = whole
        self._step = self.size.block // 4

    def promiscuous(self, index: int) -> None:
        """Has the card pass frames for others as well; raises :class:`OSError`."""
        request = struct.pack("=iHH8x", index, _MR_PROMISC, 0)
        self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)

    def head(self) -> int | None:
        """When the next frame came (nanoseconds since the epoch); ``None`` where there is none yet."""
        while not self._loaded or not self.transcoder.left:
            if self._loaded:
                self._release()
            if not self._status[self._number * self._step + _STATUS_WORD] & _TP_STATUS_USER:
                return None
            self.transcoder.load(self._views[self._number])
            self._loaded = True
        return int(self.transcoder.at)

    def read(self, output: memoryview, position: int, until: int, now: int) -> int:
        """Writes what came up to ``until`` into ``output`` and returns where it ended; the transcoder says why."""
        while self.head() is not None:
            position = self.transcoder.frames(output, position, until, now)
            if self.transcoder.status in (ring.FULL, ring.UNKNOWN, ring.LATER):
                break
        return position

    def lost(self) -> int:
        """How many frames the kernel had no room for since this was asked last."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12)
        return int(struct.unpack_from("=II", statistics)[1])

    def close(self) -> None:
        self.transcoder.forget()
        for view in (*self._views, self._status, self._whole):
            view.release()
        self._map.close()
        self._socket.close()

    def _bind(self, name: str) -> None:
        if name:
            self._socket.bind((name, _ETH_P_ALL))
            return
        # Python's own bind knows interfaces by name only: a sockaddr_ll with number 0 stands for all.
        address = struct.pack("=HHi12x", socket.AF_PACKET, socket.htons(_ETH_P_ALL), 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self._socket.fileno(), address, len(address)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _release(self) -> None:
        """Gives a block back to the kernel."""
        self._loaded = False
        self._status[self._number * self._step + _STATUS_WORD] = 0
        self._number = (self._number + 1) % self.size.blocks
        self.taken += 1

    def _filter(self, program: Sequence[Instruction]) -> None:
        code = ctypes.create_string_buffer(packed(program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
        )

    def _reserve(self, size: RingSize) -> RingSize:
        """Asks for the ring's memory, and for half as much where there is not so much."""
        while True:
            frames = size.block // _FRAME_SIZE * size.blocks
            request = struct.pack("=7I", size.block, size.blocks, _FRAME_SIZE, frames, size.retire, 0, 0)
            try:
                self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
            except OSError as error:
                if error.errno != errno.ENOMEM or size.blocks // 2 < _LEAST_BLOCKS:
                    raise
                size = size._replace(blocks=size.blocks // 2)
            else:
                return size
