"""What becomes of routers when other settings take the place of those that they run with."""

from collections.abc import Mapping
from typing import NamedTuple

from vrrpwatch.agent.config.routers import Router, runs_on

Names = frozenset[str]


class Replaced(NamedTuple):
    """Routers that are gone or were ended, that are new or begin anew, and that run on with other settings."""

    gone: Names
    fresh: Names
    adjusted: Names


def compared(running: Mapping[str, Router], wanted: Mapping[str, Router]) -> tuple[Names, Names]:
    """Which of the running routers must end, and which can go on changed; the rest is as it was."""
    changed = {name for name, router in running.items() if wanted.get(name) != router}
    adjusted = frozenset(name for name in changed if name in wanted and runs_on(running[name], wanted[name]))
    return frozenset(changed) - adjusted, adjusted
