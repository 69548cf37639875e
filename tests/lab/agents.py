"""The failover agent inside a host of the lab: how it is configured, started and asked."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.network import Host, Process
from tests.lab.waiting import LabError, wait_until
from tests.lab.watching import COMMAND
from vrrpwatch.agent import places

# No listening first, unless a scenario is about it: a lab's networks are known.
_QUICK: dict[str, Any] = {"listen": 0, "audit": False}


def router(name: str = "web", **given: Any) -> dict[str, Any]:
    """One ``[[router]]``: 192.0.2.100 with VRID 51 on eth0, unless it is said otherwise."""
    return {"name": name, "interface": "eth0", "id": 51, "addresses": ["192.0.2.100/24"]} | given


def configured(host: Host, *routers: Mapping[str, Any], agent: Mapping[str, Any] | None = None, **tables: Any) -> Path:
    """Writes the settings file of a host."""
    made = {"version": 1, "agent": _QUICK | dict(agent or {}), "router": list(routers), **tables}
    return host.write("agent.toml", toml(made))


def start(host: Host, *routers: Mapping[str, Any], agent: Mapping[str, Any] | None = None, **tables: Any) -> Process:
    """Starts an agent, and waits until it answers."""
    path = configured(host, *routers, agent=agent, **tables)
    return started(host, path)


def started(host: Host, path: Path, *options: str) -> Process:
    """Starts an agent on a settings file, and waits until it answers."""
    process = host.start(COMMAND, "agent", "run", str(path), *options)

    def answers() -> bool:
        if not process.running():
            raise LabError(f"the agent on {host.name} has ended: {process.log.read_text()[-2000:]}")
        return try_status(host) is not None

    wait_until(answers, at_most=20, what=f"the agent on {host.name} to answer", seen=process.log.read_text)
    return process


def ask(host: Host, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """``vrrpwatch agent COMMAND`` as somebody on the host would run it."""
    done = subprocess.run(
        (COMMAND, "agent", "--socket", str(socket(host)), *command),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if check and done.returncode:
        raise LabError(f"agent {' '.join(command)} on {host.name}: {done.stderr.strip() or done.returncode}")
    return done


def socket(host: Host) -> Path:
    """Where the agent's socket is, seen from outside of the host."""
    return host.folder / places.SOCKET.relative_to("/")


def try_status(host: Host) -> dict[str, Any] | None:
    """What ``agent status`` says, ``None`` where nobody answers."""
    if not socket(host).exists():
        return None
    done = ask(host, "status", "--output", "json", check=False)
    return None if done.returncode else json.loads(done.stdout)


def states(host: Host) -> dict[str, str]:
    """The state of each router."""
    said = try_status(host)
    return {} if said is None else {one["name"]: one["state"] for one in said["routers"]}


def await_state(host: Host, state: str, name: str = "web", at_most: float = 15) -> None:
    """Waits until a router is in that state."""
    wait_until(
        lambda: states(host).get(name) == state,
        at_most=at_most,
        what=f"{name} on {host.name} to be {state}",
        seen=lambda: "\n".join(one.log.read_text()[-1500:] for one in host.processes),
    )


def holds(host: Host, address: str = "192.0.2.100") -> bool:
    """Whether the kernel of a host has the address."""
    shown = host.do("ip", "-json", "address", "show")
    return any(one["local"] == address for link in json.loads(shown) for one in link["addr_info"])


def toml(tables: Mapping[str, Any]) -> str:
    """A settings file's text; JSON's strings, numbers and lists are TOML's too."""
    lines = [f"{key} = {_value(value)}" for key, value in tables.items() if not _is_table(value)]
    for key, value in tables.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, Mapping):
                head = f"[[{key}]]" if isinstance(value, list | tuple) else f"[{key}]"
                lines += ["", head, *(f"{inner} = {_value(given)}" for inner, given in one.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value)
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value if isinstance(value, str | bool | int | float) else str(value))
