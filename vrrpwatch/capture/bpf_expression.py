"""A filter expression as tcpdump takes it (pcap-filter(7)), compiled by the libpcap that tcpdump itself uses.

A host's name in an expression is looked up, as tcpdump does it: that is the one thing that may send a packet.
"""

import ctypes

from vrrpwatch.capture.bpf import ExpressionError, Instruction

_NAMES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so")
_ERROR_SIZE = 256
_DLT_EN10MB = 1
_UNKNOWN_NETMASK = 0xFFFFFFFF


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(_Instruction)))


def compile_expression(expression: str, snaplen: int) -> tuple[Instruction, ...]:
    """The program for Ethernet frames as the kernel has them, their outermost VLAN tag taken off.

    Raises :class:`ExpressionError`.
    """
    library = _library()
    handle = _handle(library, snaplen)
    program = _Program()
    try:
        text = expression.encode(errors="surrogateescape")
        if b"\0" in text or library.pcap_compile(handle, ctypes.byref(program), text, 1, _UNKNOWN_NETMASK):
            reason = library.pcap_geterr(handle).decode(errors="replace")
            raise ExpressionError(f"filter expression {expression!r}: {reason}; see pcap-filter(7)")
        instructions = tuple(
            Instruction(one.code, one.jt, one.jf, one.k) for one in program.instructions[: program.length]
        )
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return instructions


def _library() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function in ("pcap_create", "pcap_open_dead"):
            getattr(library, function).restype = ctypes.c_void_p
        for function in ("pcap_close", "pcap_activate", "pcap_datalink", "pcap_geterr"):
            getattr(library, function).argtypes = (ctypes.c_void_p,)
        library.pcap_set_snaplen.argtypes = library.pcap_set_buffer_size.argtypes = (ctypes.c_void_p, ctypes.c_int)
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_close.restype = None
        library.pcap_compile.argtypes = (
            ctypes.c_void_p,
            ctypes.POINTER(_Program),
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint32,
        )
        return library
    raise ExpressionError("a filter expression needs libpcap: install it (apt install libpcap0.8), or leave it out")


def _handle(library: ctypes.CDLL, snaplen: int) -> int:
    """Something to compile for: an interface, since only then `vlan` looks where the kernel keeps the tag."""
    error = ctypes.create_string_buffer(_ERROR_SIZE)
    handle = library.pcap_create(b"lo", error)
    if handle:
        library.pcap_set_snaplen(handle, snaplen)
        library.pcap_set_buffer_size(handle, 1 << 16)
        if library.pcap_activate(handle) >= 0 and library.pcap_datalink(handle) == _DLT_EN10MB:
            return int(handle)
        library.pcap_close(handle)
    return int(library.pcap_open_dead(_DLT_EN10MB, snaplen))
