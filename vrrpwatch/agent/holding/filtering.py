"""Keeps packets to virtual addresses from the host where accept = false: an nftables table of the agent's own.

The rules can stand all the time, since nothing is addressed to the host by a virtual address that it does not have: no
takeover waits for them.  The table is owned by the agent's socket (Linux 5.12): nobody else's "flush ruleset" removes
it, and the kernel deletes it with the agent.  Attributes and numbers are those of linux/netfilter/nf_tables.h.
"""

import errno
import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vrrpwatch.agent.holding.netlink import (
    NETLINK_NETFILTER,
    NLM_F_CREATE,
    Channel,
    Refusal,
    attribute,
    message,
    numbered,
)
from vrrpwatch.wire.values import IPAddress

TABLE: Final = "vrrpwatch-agent"

_NFPROTO_INET, _NFPROTO_IPV4, _NFPROTO_IPV6 = 1, 2, 10
_NF_INET_LOCAL_IN = 1
_NF_DROP, _NF_ACCEPT = 0, 1
_NFNL_SUBSYS_NFTABLES = 10
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _NEWSET, _NEWSETELEM = 0, 2, 3, 6, 9, 12
_TABLE_F_OWNER = 2
_NESTED = 0x8000
_NLM_F_APPEND = 0x800
# One attribute holds 64 kB at most, and an element some 40 octets.
_ELEMENTS = 1_000
_META_IIF, _META_NFPROTO, _META_L4PROTO = 4, 15, 16
_NETWORK, _TRANSPORT = 1, 2
_EQ, _GTE, _LTE = 0, 5, 3
_REG_1, _REG32_01 = 1, 9
_ICMPV6 = 58
_NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT = 135, 136


class Refused(NamedTuple):
    """An address whose packets are refused, on the link of that number only where it is link-local."""

    ip: IPAddress
    link: int


class Filter:
    """The table; raises :class:`OSError` where the kernel has no nf_tables."""

    def __init__(self) -> None:
        self._channel = Channel(NETLINK_NETFILTER)
        self._there = False

    def close(self) -> None:
        """The table goes with the socket that owns it."""
        self._channel.close()

    def refuse(self, addresses: Iterable[Refused]) -> str | None:
        """Has packets to exactly these addresses dropped; returns why that cannot be, if so."""
        wanted = sorted(set(addresses), key=lambda one: (one.ip.version, int(one.ip), one.link))
        batch = []
        if self._there:
            batch.append(_message(_DELTABLE, 0, _string(1, TABLE)))
        if wanted:
            batch.extend(_table(wanted))
        if not batch:
            return None
        refused = self._channel.do(numbered((_edge(_BATCH_BEGIN), *batch, _edge(_BATCH_END))))
        if not refused:
            self._there = bool(wanted)
            return None
        return _reason(refused[0])


def _reason(refused: Refusal) -> str:
    match refused.error:
        case errno.EPERM:
            return f"nftables refuses: another agent has a table {TABLE}, or CAP_NET_ADMIN is missing"
        case errno.EINVAL | errno.EOPNOTSUPP:
            return f"nftables refuses ({refused.reason}): accept = false takes Linux 5.12"
    return f"nftables refuses ({refused.reason})"


def _table(wanted: Sequence[Refused]) -> Iterable[bytes]:
    yield _message(_NEWTABLE, NLM_F_CREATE, _string(1, TABLE) + _number(2, _TABLE_F_OWNER))
    hook = _nested(4, _number(1, _NF_INET_LOCAL_IN) + _number(2, 0))
    chain = _string(1, TABLE) + _string(3, "input") + hook + _number(5, _NF_ACCEPT) + _string(7, "filter")
    yield _message(_NEWCHAIN, NLM_F_CREATE, chain)
    ipv4 = [one.ip.packed for one in wanted if one.ip.version == 4]
    ipv6 = [one.ip.packed for one in wanted if one.ip.version == 6 and not one.ip.is_link_local]
    local = [
        struct.pack("=I", one.link) + one.ip.packed for one in wanted if one.ip.version == 6 and one.ip.is_link_local
    ]
    # The numbers of the key types only tell nft how to show the set: ipv4_addr 7, ipv6_addr 8, ifindex 20.
    for number, (name, kind, length, keys) in enumerate(
        (("ipv4", 7, 4, ipv4), ("ipv6", 8, 16, ipv6), ("link-local", 20 << 6 | 8, 20, local)), 1
    ):
        yield from _set(number, name, kind, length, keys)
    yield _rule(_is(_META_NFPROTO, _NFPROTO_IPV4), _load(_NETWORK, 16, 4, _REG_1), _lookup("ipv4"), _verdict(_NF_DROP))
    # Neighbours ask for the address itself as well, and must be answered whatever Accept_Mode says (RFC 9568 §6.4.3).
    yield _rule(
        _is(_META_L4PROTO, _ICMPV6),
        _load(_TRANSPORT, 0, 1, _REG_1),
        _compare(_GTE, bytes([_NEIGHBOUR_SOLICITATION])),
        _compare(_LTE, bytes([_NEIGHBOUR_ADVERTISEMENT])),
        _verdict(_NF_ACCEPT),
    )
    yield _rule(_is(_META_NFPROTO, _NFPROTO_IPV6), _load(_NETWORK, 24, 16, _REG_1), _lookup("ipv6"), _verdict(_NF_DROP))
    yield _rule(
        _is(_META_NFPROTO, _NFPROTO_IPV6),
        _meta(_META_IIF),
        _load(_NETWORK, 24, 16, _REG32_01),
        _lookup("link-local"),
        _verdict(_NF_DROP),
    )


def _set(number: int, name: str, kind: int, length: int, keys: Sequence[bytes]) -> Iterable[bytes]:
    head = _string(1, TABLE) + _string(2, name)
    shape = _number(3, 0) + _number(4, kind) + _number(5, length) + _number(10, number)
    yield _message(_NEWSET, NLM_F_CREATE, head + shape)
    for start in range(0, len(keys), _ELEMENTS):
        elements = b"".join(_nested(1, _nested(1, attribute(1, key))) for key in keys[start : start + _ELEMENTS])
        yield _message(_NEWSETELEM, NLM_F_CREATE, head + _number(4, number) + _nested(3, elements))


def _rule(*expressions: bytes) -> bytes:
    body = _string(1, TABLE) + _string(2, "input") + _nested(4, b"".join(expressions))
    return _message(_NEWRULE, NLM_F_CREATE | _NLM_F_APPEND, body)


def _is(key: int, value: int) -> bytes:
    return _meta(key) + _compare(_EQ, bytes([value]))


def _meta(key: int) -> bytes:
    return _expression("meta", _number(1, _REG_1) + _number(2, key))


def _compare(how: int, value: bytes) -> bytes:
    return _expression("cmp", _number(1, _REG_1) + _number(2, how) + _nested(3, attribute(1, value)))


def _load(header: int, offset: int, length: int, register: int) -> bytes:
    numbers = ((1, register), (2, header), (3, offset), (4, length))
    return _expression("payload", b"".join(_number(kind, value) for kind, value in numbers))


def _lookup(name: str) -> bytes:
    return _expression("lookup", _string(1, name) + _number(2, _REG_1))


def _verdict(code: int) -> bytes:
    return _expression("immediate", _number(1, 0) + _nested(2, _nested(2, _number(1, code))))


def _expression(name: str, data: bytes) -> bytes:
    return _nested(1, _string(1, name) + _nested(2, data))


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return message(_NFNL_SUBSYS_NFTABLES << 8 | kind, flags, struct.pack("=BBH", _NFPROTO_INET, 0, 0) + body)


def _edge(kind: int) -> bytes:
    """The beginning or the end of what is done wholly or not at all (linux/netfilter/nfnetlink.h)."""
    return message(kind, 0, struct.pack("=BB", 0, 0) + _NFNL_SUBSYS_NFTABLES.to_bytes(2, "big"))


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(4, "big"))


def _string(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _nested(kind: int, payload: bytes) -> bytes:
    return attribute(kind | _NESTED, payload)
