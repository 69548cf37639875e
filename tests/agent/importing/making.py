"""Imports a configuration in a folder as the command does, and loads what came of it as the agent does."""

from pathlib import Path
from typing import NamedTuple

from vrrpwatch.agent.config.agent import AgentSettings, load
from vrrpwatch.agent.config.routers import VrrpRouter
from vrrpwatch.agent.importing.imported import Imported, imported
from vrrpwatch.declared.keepalived import read_keepalived

# What an instance needs to be a router.
NEEDS = "interface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.0.2.100/24\n}\n"


class Made(NamedTuple):
    """The settings, and the lines about what is not as it was, without the folder."""

    settings: AgentSettings
    lines: list[str]
    imported: Imported

    @property
    def router(self) -> VrrpRouter:
        """The only one."""
        (router,) = self.settings.router
        assert isinstance(router, VrrpRouter)
        return router


def converted(folder: Path, text: str, *, config_id: str | None = None) -> Imported:
    """What becomes of a configuration, which need not be anything that an agent could run."""
    path = folder / "keepalived.conf"
    path.write_text(text)
    return imported(read_keepalived(path, config_id=config_id))


def made(folder: Path, text: str, *, config_id: str | None = None) -> Made:
    """What becomes of a configuration with a router at least."""
    done = converted(folder, text, config_id=config_id)
    return Made(loaded(folder, done), lines(done), done)


def loaded(folder: Path, done: Imported) -> AgentSettings:
    """The settings as the agent reads them; raises :class:`SettingsError` where it would not."""
    for secret in done.secrets:
        (folder / secret.name).write_bytes(secret.content + b"\n")
    path = folder / "agent.toml"
    path.write_text(done.text)
    return load(path)


def lines(done: Imported) -> list[str]:
    return [f"{gap.line}: {gap.text}" for gap in done.gaps]


def one(folder: Path, text: str, *, before: str = "") -> Made:
    """What becomes of one instance V with these statements; ``before`` stands in front of it."""
    return made(folder, f"{before}vrrp_instance V {{\n{NEEDS}{text}\n}}\n")
