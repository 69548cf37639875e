"""Sends multicast at a steady rate: ``python -m tests.bench.live_sender IF RATE SECONDS KIND``; prints how many.

``adverts`` are VRRP advertisements of 200 groups with one master each, every one with an IP identification of its own;
``ordinary`` is what a busy segment has: one advertisement in a hundred packets, else UDP of 100 hosts to 50 groups.
Frames are handed to the kernel a few hundred at a time (sendmmsg) and past its queues.
"""

import ctypes
import os
import socket
import sys
import time

import numpy as np

from tests.bench.columns import Numbers, Rows, ethernet, ipv4, put, put_bytes, put_checksum

GROUPS = 200
# An advertisement that comes again within a second is a copy, so these last for more than one at 1 M/s.
FRAMES = 1 << 20
SIZE = 60
_SOL_PACKET, _QDISC_BYPASS = 263, 20
_CHUNK = 512


def adverts(count: int) -> Rows:
    """VRRPv2 advertisements of all groups in turn."""
    number = np.arange(count)
    group: Numbers = number % GROUPS + 1
    rows = ethernet(count, SIZE, 0x0800)
    put_bytes(rows, 0, bytes.fromhex("01005e00001200005e000100"))
    put(rows, 11, 1, group)
    ipv4(rows, 0x0A000000 + group, 0xE0000012, 112, 40, number // GROUPS, ttl=255, tos=0xC0)
    put(rows, 34, 4, 0x21006401)
    put(rows, 35, 1, group)
    put(rows, 38, 2, 1)
    put(rows, 42, 4, 0x0A010000 + group)
    put_checksum(rows, 40, 34, 54)
    return rows


def ordinary(count: int) -> Rows:
    """UDP to groups, and 40 advertisements of 20 groups in every 4000 frames."""
    number = np.arange(count)
    rows = ethernet(count, SIZE, 0x0800)
    group, host = number % 50, number % 97 + 1
    put_bytes(rows, 0, bytes.fromhex("01005e010100020000000000"))
    put(rows, 5, 1, group)
    put(rows, 11, 1, host)
    ipv4(rows, 0x0A000000 + host, 0xEF010100 + group, 17, 46, number & 0xFFFF, ttl=1)
    put(rows, 34, 8, 0x13881389001A0000)
    every = rows[::100]
    turn, which = np.divmod(np.arange(len(every)), 20)
    every[:] = adverts((int(turn[-1]) + 1) * GROUPS)[turn * GROUPS + which]
    return rows


def send(interface: str, rate: int, seconds: float, kind: str) -> int:
    """Returns how many were sent; fewer than asked for where the machine cannot."""
    rows = adverts(FRAMES) if kind == "adverts" else ordinary(FRAMES // 8)
    frames = rows.__array_interface__["data"][0] + np.arange(len(rows), dtype=np.uint64) * SIZE
    # struct iovec; struct mmsghdr: name, its length, vector, their count, control, its length, flags, what was sent.
    vectors = np.zeros((_CHUNK, 2), np.uint64)
    vectors[:, 1] = SIZE
    heads = np.zeros((_CHUNK, 8), np.uint64)
    heads[:, 2] = vectors.__array_interface__["data"][0] + np.arange(_CHUNK, dtype=np.uint64) * 16
    heads[:, 3] = 1
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    sendmmsg.argtypes = (ctypes.c_int, ctypes.c_uint64, ctypes.c_uint, ctypes.c_int)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((interface, 0))
        sender.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        began = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - began) < seconds:
            due = min(int(passed * rate) - sent, _CHUNK)
            if due < 1:
                time.sleep(0.0005)
                continue
            place = sent % len(rows)
            count = min(due, len(rows) - place)
            vectors[:count, 0] = frames[place : place + count]
            done = sendmmsg(sender.fileno(), heads.__array_interface__["data"][0], count, 0)
            if done < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            sent += done
    return sent


if __name__ == "__main__":
    print(send(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
