"""Settings, changes and programs that the tests of whom the agent tells have in common."""

import asyncio
import os
import shlex
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.launcher import Launcher
from vrrpwatch.agent.ports import Change, RouterState

# Seconds that something may take which happens at once on an idle machine.
SOON = 30.0
# Tests write into folders of their own, which nobody else may enter.
USER = "root" if os.geteuid() == 0 else None


def settings(*routers: str, **more: Any) -> AgentSettings:
    """Routers of these names, each with an address of its own; a router's table may be given under its name."""
    tables = [
        {"name": name, "interface": "eth0", "id": number, "addresses": [f"192.0.2.{number}/24"], **more.pop(name, {})}
        for number, name in enumerate(routers, 1)
    ]
    return AgentSettings.model_validate({"version": 1, "router": tables, **more})


def change(name: str, state: RouterState, priority: int = 100, *, kind: Any = "INSTANCE") -> Change:
    return Change(kind, name, "backup", state, priority, 0, "as the test has it")


@asynccontextmanager
async def launching() -> AsyncGenerator[Launcher]:
    launcher = Launcher()
    await launcher.start()
    try:
        yield launcher
    finally:
        await asyncio.wait_for(launcher.close(), SOON)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


def script(folder: Path, name: str, text: str) -> str:
    """A program of the shell in which ``$folder`` is the folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\nfolder={shlex.quote(str(folder))}\n{text}\n")
    path.chmod(0o755)
    return str(path)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
