"""The state file: what the agent may have put on this host, written before it puts it there, for the next start.

A file of another boot or network namespace says nothing of this one.  What is in a file was perhaps written by
somebody else: it is typed, bounded and taken for no more than a list of what to look for.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from vrrpwatch.agent.config.agent import MAX_ROUTERS
from vrrpwatch.agent.config.fields import Device, InterfaceAddress, Label, whole
from vrrpwatch.agent.config.routers import VirtualRoute, VirtualRule
from vrrpwatch.agent.holding.sysctls import Changed
from vrrpwatch.core.faults import describe
from vrrpwatch.core.fields import MacAddress, Table
from vrrpwatch.settings import read_regular
from vrrpwatch.wire.text import safe_text

# As many routers as the settings may have, with as many addresses each, written out.
MAX_LEDGER: Final = 64 << 20
_SCHEMA = "vrrpwatch/agent-state/1"


class HeldAddress(Table):
    """An address with its prefix, and the link it goes to."""

    device: Device
    address: InterfaceAddress


class HeldMacvlan(Table):
    """A macvlan: its name, its MAC and the interface below it."""

    name: Device
    mac: MacAddress
    parent: Device


class Entry(Table):
    """What one router has here."""

    addresses: tuple[HeldAddress, ...] = ()
    routes: tuple[VirtualRoute, ...] = ()
    rules: tuple[VirtualRule, ...] = ()
    macvlan: HeldMacvlan | None = None


class Ledger(Table):
    """The whole file; ``boot`` and ``namespace`` say where it is about."""

    schema_: Annotated[Literal["vrrpwatch/agent-state/1"], Field(alias="schema")]
    boot: Annotated[str, Field(max_length=64)]
    namespace: Annotated[int, whole(0, 2**64 - 1)]
    sysctls: Annotated[tuple[Changed, ...], Field(max_length=4 * MAX_ROUTERS)] = ()
    routers: Annotated[dict[Label, Entry], Field(max_length=MAX_ROUTERS)] = Field(default_factory=dict)


def here() -> tuple[str, int]:
    """This boot's identity, and the network namespace's."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return boot, os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 - the file system's number of it, no path


def load(path: Path) -> Ledger | str | None:
    """What the file says of this boot and namespace, ``None`` where it says nothing, or why it cannot be used."""
    try:
        data = trusted(path)
        found = Ledger.model_validate_json(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path}: {error.strerror or error}: what an agent left before cannot be removed; look with ip address"
    except ValidationError as error:
        fault = describe(error, lambda _: "")[0]
        return f"{path}: is no state file of the agent ({safe_text(fault, 120)}): it is ignored"
    return found if (found.boot, found.namespace) == here() else None


def trusted(path: Path) -> bytes:
    """The file's bytes; what others than this user and root may write is refused."""
    data = read_regular(path, MAX_LEDGER)
    status = path.lstat()
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(None, "others may write it")
    return data


def save(path: Path, sysctls: Iterable[Changed], entries: Mapping[str, str]) -> str | None:
    """Replaces the file at once; returns why that cannot be, if so.  ``entries`` are JSON already, by router.

    It need not outlive a power failure, after which nothing of what it lists is there any more: no fsync.
    """
    boot, namespace = here()
    head = json.dumps({"schema": _SCHEMA, "boot": boot, "namespace": namespace})[:-1]
    changed = ",".join(one.model_dump_json() for one in sysctls)
    routers = ",".join(f"{json.dumps(name)}:{entry}" for name, entry in entries.items())
    try:
        replace(path, f'{head},"sysctls":[{changed}],"routers":{{{routers}}}}}')
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror or error}): after a crash nobody would clean up by it"
    return None


def replace(path: Path, text: str) -> None:
    """Writes a file of which readers see the old text or the new one; raises :class:`OSError`."""
    fresh = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
