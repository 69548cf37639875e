"""Groups of commands that live in modules of their own, imported on use so that help and completion are quick."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and the line about it in the group's help."""

    module: str
    name: str
    line: str


class Lazy(click.Group):
    """A group whose commands are those of ``registry``, in its order."""

    def __init__(self, *arguments: Any, registry: Mapping[str, Entry], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._registry = registry

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._registry)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = self._registry.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.line) for name, entry in self._registry.items()])
