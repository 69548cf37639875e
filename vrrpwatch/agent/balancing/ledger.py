"""The file that says which virtual servers are the agent's, for the start after a crash.

It lies beside the agent's state file.  What is listed and wanted no more is removed, so a file that others may write
is not heeded; nor is one of another boot or network namespace.
"""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, ValidationError

from vrrpwatch.agent.balancing.values import ServiceKey, Transport
from vrrpwatch.agent.config.fields import Port, whole
from vrrpwatch.agent.holding.ledger import here, replace, trusted
from vrrpwatch.core.faults import describe
from vrrpwatch.core.fields import Address, Table
from vrrpwatch.wire.text import safe_text

_SCHEMA: Final = "vrrpwatch/agent-ipvs/1"


class Ours(NamedTuple):
    """Virtual servers of the agent's, and whether a sync daemon is."""

    services: frozenset[ServiceKey] = frozenset()
    syncs: bool = False


class _File(Table):
    schema_: Annotated[Literal["vrrpwatch/agent-ipvs/1"], Field(alias="schema")]
    boot: Annotated[str, Field(max_length=64)]
    namespace: Annotated[int, whole(0, 2**64 - 1)]
    # Those of the settings, and those of earlier ones that could not be removed.
    services: Annotated[tuple[tuple[Transport, Address, Port], ...], Field(max_length=10_000)]
    syncs: bool


def beside(state: Path) -> Path:
    """Where it lies: ``agent.json`` has ``agent.ipvs.json`` beside it."""
    return state.with_suffix(".ipvs.json")


def load(path: Path) -> Ours | str:
    """What was ours, or why that is not known."""
    try:
        found = _File.model_validate_json(trusted(path))
    except FileNotFoundError:
        return Ours()
    except OSError as error:
        return f"{path}: {error.strerror or error}: virtual servers of an earlier agent stay; look with ipvsadm -Ln"
    except ValidationError as error:
        fault = describe(error, lambda _: "")[0]
        return f"{path}: is no state file of IPVS ({safe_text(fault, 120)}): it is ignored"
    if (found.boot, found.namespace) != here():
        return Ours()
    return Ours(frozenset(ServiceKey(*one) for one in found.services), found.syncs)


def save(path: Path, ours: Ours) -> str | None:
    """Replaces the file at once; returns why that cannot be, if so.  It need not outlive a power failure."""
    boot, namespace = here()
    services: Iterable[tuple[str, str, int]] = ((one.protocol, str(one.address), one.port) for one in ours.services)
    text = json.dumps(
        {"schema": _SCHEMA, "boot": boot, "namespace": namespace, "services": [*services], "syncs": ours.syncs}
    )
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        replace(path, text)
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror or error}): a crash could leave virtual servers behind"
    return None


def remove(path: Path) -> None:
    """Nothing is ours any more."""
    with contextlib.suppress(OSError):
        path.unlink()
