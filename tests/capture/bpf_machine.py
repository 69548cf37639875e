"""The kernel's classic BPF machine in plain Python (net/core/filter.c), for what the filter makes of one frame."""

from collections.abc import Sequence
from typing import NamedTuple

from vrrpwatch.capture.bpf import HARDWARE_TYPE, NETWORK, PACKET_TYPE, PROTOCOL, Instruction

_WORD = 0xFFFFFFFF


class Frame(NamedTuple):
    """A frame as the kernel has it: where its network header begins, and what is known beside it."""

    data: bytes
    network: int = 14
    hatype: int = 1
    packet_type: int = 0
    protocol: int = 0


def ethernet(data: bytes) -> Frame:
    return Frame(data, hatype=1, packet_type=2 if data[:1] and data[0] & 1 else 3)


def run(program: Sequence[Instruction], frame: Frame) -> int:
    """How many octets the program passes; a load beyond the frame ends it with 0."""
    beside = {HARDWARE_TYPE: frame.hatype, PACKET_TYPE: frame.packet_type, PROTOCOL: frame.protocol}
    a = x = 0
    place = 0
    while True:
        code, jt, jf, k = program[place]
        place += 1
        match code:
            case 0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50:
                offset = k if code < 0x40 else (x + k) & _WORD
                size = {0x00: 4, 0x08: 2, 0x10: 1}[code & 0x18]
                if code < 0x40 and offset in beside:
                    a = beside[offset]
                    continue
                if offset >= NETWORK - 0x1000:
                    offset = frame.network + offset - NETWORK
                if not 0 <= offset <= len(frame.data) - size:
                    return 0
                a = int.from_bytes(frame.data[offset : offset + size])
            case 0x01:
                x = k
            case 0x07:
                x = a
            case 0x87:
                a = x
            case 0x54:
                a &= k
            case 0x64:
                a = a << k & _WORD
            case 0x04:
                a = (a + k) & _WORD
            case 0x0C:
                a = (a + x) & _WORD
            case 0x05:
                place += k
            case 0x15:
                place += jt if a == k else jf
            case 0x25:
                place += jt if a > k else jf
            case 0x35:
                place += jt if a >= k else jf
            case 0x45:
                place += jt if a & k else jf
            case 0x06:
                return k
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")
