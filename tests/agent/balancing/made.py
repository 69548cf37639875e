"""What the balancer's tests are made with: settings from a few words, and a kernel that is a table."""

import errno
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from vrrpwatch.agent.balancing.plan import Target
from vrrpwatch.agent.balancing.programmer import IpvsError
from vrrpwatch.agent.balancing.values import (
    Operation,
    Real,
    RealKey,
    Refused,
    RemoveReal,
    RemoveService,
    Service,
    ServiceKey,
    SetReal,
    SetService,
    StartDaemon,
    StopDaemon,
    Table,
)
from vrrpwatch.agent.config.companions import Ipvs

VIP = ServiceKey("tcp", ip_address("192.0.2.100"), 80)
OTHERS = ServiceKey("udp", ip_address("192.0.2.200"), 53)
SERVICE = Service("wlc", 0, 0, 0xFFFFFFFF)
# IP_VS_CONN_F_DROUTE.
DIRECT = 3
SYNC = {"interface": "eth0", "id": 7}


def real(number: int, **given: Any) -> dict[str, Any]:
    return {"address": f"198.51.100.{number}"} | given


def virtual(*reals: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"address": "192.0.2.100", "port": 80, "real": list(reals)} | given


def settings(*virtuals: dict[str, Any], **given: Any) -> Ipvs:
    return Ipvs.model_validate({"virtual": list(virtuals), "follows": "web"} | given)


def key(number: int, port: int = 80) -> RealKey:
    return RealKey(ip_address(f"198.51.100.{number}"), port)


def target(number: int) -> Target:
    return Target(VIP, key(number))


class FakeKernel:
    """Does as ip_vs does: no real server without a virtual server, one sync daemon a role, nothing twice."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, Service] = {}
        self.reals: dict[ServiceKey, dict[RealKey, Real]] = {}
        self.daemons: dict[str, Any] = {}
        self.asked: list[Operation] = []
        self.schedulers = {"wlc", "rr"}
        self.absent = False
        self.opened = 0

    def open(self) -> "FakeKernel":
        if self.absent:
            raise IpvsError("this kernel has no IPVS")
        self.opened += 1
        return self

    def close(self) -> None:
        """There is nothing to close."""

    def read(self) -> Table:
        if self.absent:
            raise IpvsError("this kernel has no IPVS")
        reals = {key: dict(reals) for key, reals in self.reals.items()}
        return Table(dict(self.services), reals, frozenset(self.daemons.values()))

    def do(self, operations: Iterable[Operation]) -> list[Refused]:
        refused = []
        for one in operations:
            self.asked.append(one)
            number = self._do(one)
            if number:
                refused.append(Refused(one, number, f"cannot {one}: {errno.errorcode[number]}"))
        return refused

    def _do(self, operation: Operation) -> int:
        match operation:
            case SetService(key, service, fresh):
                if service.scheduler not in self.schedulers:
                    return errno.ENOENT
                if fresh == (key in self.services):
                    return errno.EEXIST if fresh else errno.ESRCH
                self.services[key] = service
                self.reals.setdefault(key, {})
            case RemoveService(key):
                if key not in self.services:
                    return errno.ESRCH
                del self.services[key], self.reals[key]
            case SetReal(of, key, real, fresh):
                if of not in self.services:
                    return errno.ESRCH
                if fresh == (key in self.reals[of]):
                    return errno.EEXIST if fresh else errno.ENOENT
                self.reals[of][key] = real
            case RemoveReal(of, key):
                if of not in self.services or key not in self.reals[of]:
                    return errno.ESRCH
                del self.reals[of][key]
            case StartDaemon(daemon):
                if daemon.role in self.daemons:
                    return errno.EEXIST
                self.daemons[daemon.role] = daemon
            case StopDaemon(daemon):
                if self.daemons.pop(daemon.role, None) is None:
                    return errno.ESRCH
        return 0
