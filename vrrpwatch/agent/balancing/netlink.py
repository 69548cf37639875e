"""IPVS's tables in the kernel, through generic netlink: what is there, and operations on it.

Requests are encoded by pyroute2, but for those to the sync daemons, which it does not know.  Answers are read by their
layout (linux/ip_vs.h): decoding ten thousand real servers by pyroute2 takes seconds, and this is done every ten.
"""

import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any, Final, assert_never

from pyroute2.netlink import ctrlmsg, nla  # type: ignore[import-untyped]
from pyroute2.netlink.generic import ipvs  # type: ignore[import-untyped]

from vrrpwatch.agent.balancing.programmer import IpvsError
from vrrpwatch.agent.balancing.values import (
    SETTABLE,
    Daemon,
    Operation,
    Real,
    RealKey,
    Refused,
    RemoveReal,
    RemoveService,
    Role,
    Service,
    ServiceKey,
    SetReal,
    SetService,
    StartDaemon,
    StopDaemon,
    Table,
    Transport,
)
from vrrpwatch.agent.holding.facts import AF_INET, AF_INET6
from vrrpwatch.agent.holding.netlink import ALL, NLM_F_DUMP, Channel, NetlinkError, Refusal, attributes, numbered
from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import IPAddress

_NETLINK_GENERIC, _GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_ID = 16, 0x10, 3, 1
# struct genlmsghdr: the command, a version, and two octets of nothing.
_GENL: Final = struct.Struct("=BBH")
_SERVICE, _DEST, _DAEMON = 1, 2, 3
_FWD_MASK: Final = 0x07
# IP_VS_STATE_MASTER, IP_VS_STATE_BACKUP.
_STATES: Final[dict[Role, int]] = {"master": 1, "backup": 2}
_ROLES: Final[dict[int, Role]] = {number: role for role, number in _STATES.items()}
_PROTOCOLS: Final[dict[Transport, int]] = {"tcp": 6, "udp": 17}
_TRANSPORTS: Final[dict[int, Transport]] = {number: name for name, number in _PROTOCOLS.items()}
# A few hundred octets each: so many fit into the buffers of a socket (holding.netlink).
_BATCH: Final = 1_000


class _Message(ipvs.ipvsmsg):  # type: ignore[misc]
    """With the sync daemons' attributes."""

    nla_map = (
        ("IPVS_CMD_ATTR_UNSPEC", "none"),
        ("IPVS_CMD_ATTR_SERVICE", "service"),
        ("IPVS_CMD_ATTR_DEST", "dest"),
        ("IPVS_CMD_ATTR_DAEMON", "daemon"),
    )

    class daemon(nla):  # type: ignore[misc]  # noqa: N801  # looked up by this name
        nla_map = (
            ("IPVS_DAEMON_ATTR_UNSPEC", "none"),
            ("IPVS_DAEMON_ATTR_STATE", "uint32"),
            ("IPVS_DAEMON_ATTR_MCAST_IFN", "asciiz"),
            ("IPVS_DAEMON_ATTR_SYNC_ID", "uint32"),
        )


class Kernel:
    """One connection to IPVS in this network namespace; calls block, so they are made beside an event loop.

    Opening it raises :class:`IpvsError`.  The kernel loads the module ip_vs when it is asked for the family, whoever
    asks.
    """

    def __init__(self) -> None:
        try:
            self._channel = Channel(_NETLINK_GENERIC)
        except OSError as error:
            raise IpvsError(f"IPVS: no generic netlink here ({error.strerror})") from None
        try:
            self._family = self._find()
        except IpvsError:
            self._channel.close()
            raise

    def close(self) -> None:
        self._channel.close()

    def read(self) -> Table:
        """All of it; raises :class:`IpvsError`."""
        services: dict[ServiceKey, Service] = {}
        reals: dict[ServiceKey, dict[RealKey, Real]] = {}
        for found in self._list(ipvs.IPVS_CMD_GET_SERVICE, _SERVICE):
            known = _service(found)
            if known is not None:
                services[known[0]] = known[1]
        for key in services:
            reals[key] = dict(self._dests(key))
        daemons = (_daemon(found) for found in self._list(ipvs.IPVS_CMD_GET_DAEMON, _DAEMON))
        return Table(services, reals, frozenset(one for one in daemons if one is not None))

    def do(self, operations: Iterable[Operation]) -> list[Refused]:
        """All of them in their order, and returns what was refused."""
        refused: list[Refused] = []
        rest = iter(operations)
        while batch := list(islice(rest, _BATCH)):
            answers = self._channel.do(numbered(self._request(operation) for operation in batch))
            refused += (_refused(batch, answer) for answer in answers)
        return refused

    def _dests(self, key: ServiceKey) -> Iterator[tuple[RealKey, Real]]:
        made = _Message()
        made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", _key(key))]
        for found in self._list(ipvs.IPVS_CMD_GET_DEST, _DEST, made):
            known = _dest(found, key)
            if known is not None:
                yield known

    def _find(self) -> int:
        made = ctrlmsg()
        made["cmd"] = _CTRL_CMD_GETFAMILY
        made["version"] = 1
        made["attrs"] = [("CTRL_ATTR_FAMILY_NAME", ipvs.GENL_NAME)]
        try:
            answers = self._channel.ask(_GENL_ID_CTRL, 0, _body(made))
        except NetlinkError as error:
            if error.number == errno.ENOENT:
                raise IpvsError(
                    "this kernel has no IPVS: load its module (modprobe ip_vs, and ip_vs in /etc/modules-load.d)"
                ) from None
            raise IpvsError(f"IPVS: {error}") from None
        found = attributes(answers[0].body, _GENL.size).get(_CTRL_ATTR_FAMILY_ID) if answers else None
        if found is None:
            raise IpvsError("IPVS: the kernel does not say how to reach it")
        return int(struct.unpack("=H", found)[0])

    def _list(self, command: int, kind: int, made: Any = None) -> Iterator[dict[int, bytes]]:
        made = _Message() if made is None else made
        made["cmd"] = command
        made["version"] = ipvs.GENL_VERSION
        try:
            answers = self._channel.ask(self._family, NLM_F_DUMP, _body(made))
        except NetlinkError as error:
            if error.number == errno.ESRCH:
                # Somebody has removed the virtual server since it was listed.
                return
            raise IpvsError(_cannot("list IPVS's tables", error.number, str(error))) from None
        for answer in answers:
            nested = attributes(answer.body, _GENL.size).get(kind)
            if nested is not None:
                yield attributes(nested, 0)

    def _request(self, operation: Operation) -> bytes:
        made = _Message()
        made["version"] = ipvs.GENL_VERSION
        match operation:
            case SetService(key, service, fresh):
                made["cmd"] = ipvs.IPVS_CMD_NEW_SERVICE if fresh else ipvs.IPVS_CMD_SET_SERVICE
                made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", _key(key, service))]
            case RemoveService(key):
                made["cmd"] = ipvs.IPVS_CMD_DEL_SERVICE
                made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", _key(key))]
            case SetReal(of, key, real, fresh):
                made["cmd"] = ipvs.IPVS_CMD_NEW_DEST if fresh else ipvs.IPVS_CMD_SET_DEST
                made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", _key(of)), ("IPVS_CMD_ATTR_DEST", _real(key, real))]
            case RemoveReal(of, key):
                made["cmd"] = ipvs.IPVS_CMD_DEL_DEST
                made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", _key(of)), ("IPVS_CMD_ATTR_DEST", _real(key, None))]
            case StartDaemon(daemon):
                made["cmd"] = ipvs.IPVS_CMD_NEW_DAEMON
                made["attrs"] = [("IPVS_CMD_ATTR_DAEMON", _sync(daemon))]
            case StopDaemon(daemon):
                made["cmd"] = ipvs.IPVS_CMD_DEL_DAEMON
                made["attrs"] = [("IPVS_CMD_ATTR_DAEMON", _sync(daemon))]
            case _:
                assert_never(operation)
        made["header"]["type"] = self._family
        made["header"]["flags"] = 1
        made.encode()
        return bytes(made.data)


def _body(made: Any) -> bytes:
    made.encode()
    # What follows the header (struct nlmsghdr), which the channel makes.
    return bytes(made.data[16:])


def _family(address: IPAddress) -> int:
    return AF_INET if address.version == 4 else AF_INET6


def _key(key: ServiceKey, service: Service | None = None) -> dict[str, Any]:
    made: list[tuple[str, Any]] = [
        ("IPVS_SVC_ATTR_AF", _family(key.address)),
        ("IPVS_SVC_ATTR_PROTOCOL", _PROTOCOLS[key.protocol]),
        ("IPVS_SVC_ATTR_ADDR", str(key.address)),
        ("IPVS_SVC_ATTR_PORT", key.port),
    ]
    if service is not None:
        # pyroute2 takes it for an IPv4 address, but for IPv6 it is a prefix length in the host's byte order.
        netmask = service.netmask.to_bytes(4, "big" if key.address.version == 4 else sys.byteorder)
        made += [
            ("IPVS_SVC_ATTR_SCHED_NAME", service.scheduler),
            ("IPVS_SVC_ATTR_FLAGS", {"flags": service.flags, "mask": SETTABLE}),
            ("IPVS_SVC_ATTR_TIMEOUT", service.timeout),
            ("IPVS_SVC_ATTR_NETMASK", str(IPv4Address(netmask))),
        ]
    return {"attrs": made}


def _real(key: RealKey, real: Real | None) -> dict[str, Any]:
    made: list[tuple[str, Any]] = [
        ("IPVS_DEST_ATTR_ADDR_FAMILY", _family(key.address)),
        ("IPVS_DEST_ATTR_ADDR", str(key.address)),
        ("IPVS_DEST_ATTR_PORT", key.port),
    ]
    if real is not None:
        made += [
            ("IPVS_DEST_ATTR_FWD_METHOD", real.method),
            ("IPVS_DEST_ATTR_WEIGHT", real.weight),
            ("IPVS_DEST_ATTR_U_THRESH", real.upper),
            ("IPVS_DEST_ATTR_L_THRESH", real.lower),
        ]
    return {"attrs": made}


def _sync(daemon: Daemon) -> dict[str, Any]:
    return {
        "attrs": [
            ("IPVS_DAEMON_ATTR_STATE", _STATES[daemon.role]),
            ("IPVS_DAEMON_ATTR_MCAST_IFN", daemon.interface),
            ("IPVS_DAEMON_ATTR_SYNC_ID", daemon.id),
        ]
    }


def _service(found: dict[int, bytes]) -> tuple[ServiceKey, Service] | None:
    """``None`` for one by firewall mark, or of a protocol that the settings do not know."""
    transport = _TRANSPORTS.get(_u16(found.get(2)))
    address = _address(found.get(3), _u16(found.get(1)))
    if transport is None or address is None:
        return None
    scheduler = found.get(6, b"").rstrip(b"\0").decode(errors="replace")
    netmask = found.get(9, b"").ljust(4, b"\0")[:4]
    service = Service(
        scheduler,
        _u32(found.get(7)) & SETTABLE,
        _u32(found.get(8)),
        int.from_bytes(netmask) if address.version == 4 else int.from_bytes(netmask, sys.byteorder),
    )
    return ServiceKey(transport, address, _be16(found.get(4))), service


def _dest(found: dict[int, bytes], of: ServiceKey) -> tuple[RealKey, Real] | None:
    # Before Linux 3.18 a real server's family is not said, since it was the virtual server's.
    family = _u16(found[11]) if 11 in found else _family(of.address)
    address = _address(found.get(1), family)
    if address is None:
        return None
    real = Real(_u32(found.get(3)) & _FWD_MASK, *(_u32(found.get(number)) for number in (4, 5, 6)))
    return RealKey(address, _be16(found.get(2))), real


def _daemon(found: dict[int, bytes]) -> Daemon | None:
    role = _ROLES.get(_u32(found.get(1)))
    if role is None:
        return None
    return Daemon(role, found.get(2, b"").rstrip(b"\0").decode(errors="replace"), _u32(found.get(3)))


def _address(data: bytes | None, family: int) -> IPAddress | None:
    """A ``union nf_inet_addr``: 16 octets, of which an IPv4 address is the first four."""
    if data is None or len(data) < 4:
        return None
    if family == AF_INET6:
        return IPv6Address(data[:16]) if len(data) >= 16 else None
    return IPv4Address(data[:4])


def _u16(data: bytes | None) -> int:
    return int(struct.unpack_from("=H", data)[0]) if data and len(data) >= 2 else 0


def _be16(data: bytes | None) -> int:
    return int(struct.unpack_from("!H", data)[0]) if data and len(data) >= 2 else 0


def _u32(data: bytes | None) -> int:
    return int(struct.unpack_from("=I", data)[0]) if data and len(data) >= 4 else 0


def _refused(batch: Sequence[Operation], answer: Refusal) -> Refused:
    operation = batch[0] if answer.request == ALL else batch[answer.request]
    what = str(operation)
    match operation:
        case SetService(_, service) if answer.error == errno.ENOENT:
            name = service.scheduler
            line = f"IPVS: cannot {what}: there is no scheduler {name}: load ip_vs_{name}, or correct the name"
        case StartDaemon(daemon) if answer.error == errno.ENODEV:
            line = f"IPVS: cannot {what}: there is no interface {daemon.interface}"
        case _:
            line = _cannot(what, answer.error, answer.reason)
    return Refused(operation, answer.error, line)


def _cannot(what: str, number: int, reason: str) -> str:
    if number in (errno.EPERM, errno.EACCES):
        return f"IPVS: no right to {what}: the agent needs CAP_NET_ADMIN"
    return f"IPVS: cannot {what}: {safe_text(reason or os.strerror(number), 200)}"
