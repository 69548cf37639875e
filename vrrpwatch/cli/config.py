"""Settings files: what the command line and ``VRRPWATCH_*`` do not say, the user's file says, and else the system's."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.settings import SettingsError, read_toml

SYSTEM_FILE = Path("/etc/vrrpwatch/config.toml")
# What cannot sensibly be a setting: a question, or the input itself.
_NO_SETTINGS = frozenset({"help", "version", "read", "captures", "shell"})

Settings = dict[str, dict[str, Any]]


def files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where settings are looked for, the weakest first."""
    home = environ.get("XDG_CONFIG_HOME", "")
    # A relative path there is to be ignored (XDG Base Directory Specification).
    folder = Path(home) if os.path.isabs(home) else Path(environ.get("HOME", "/")) / ".config"  # noqa: PTH117
    return SYSTEM_FILE, folder / "vrrpwatch" / "config.toml"


def load(list_commands: Callable[[], Mapping[str, click.Command]], paths: tuple[Path, ...]) -> Settings:
    """Every command's defaults from the files that exist, later ones over earlier ones.

    A table named after a command sets its options, keys outside of tables those of every command that has them.
    ``list_commands`` is called only where there is a file to understand, since it imports them all.
    Raises :class:`Failure` naming file and key for what is not understood.
    """
    settings: Settings = {}
    for path in paths:
        if table := _toml(path):
            for name, values in _understood(path, table, list_commands()).items():
                settings.setdefault(name, {}).update(values)
    return settings


def _understood(path: Path, data: dict[str, Any], commands: Mapping[str, click.Command]) -> Settings:
    settings: Settings = {name: {} for name in commands}
    for key, value in data.items():
        if isinstance(value, dict):
            if key not in commands:
                raise _fault(path, f"[{key}]: no such command; known are {', '.join(commands)}")
            continue
        option = key.replace("-", "_")
        having = [name for name, command in commands.items() if option in _options(command)]
        if not having:
            raise _fault(path, f"{key}: no such setting; see vrrpwatch COMMAND --help")
        for name in having:
            settings[name][option] = _convert(path, key, value, commands[name])
    for name, command in commands.items():
        for key, value in data.get(name, {}).items():
            option = key.replace("-", "_")
            if option not in _options(command):
                known = ", ".join(sorted(option.replace("_", "-") for option in _options(command)))
                raise _fault(path, f"[{name}] {key}: no such setting; known are {known}")
            settings[name][option] = _convert(path, f"[{name}] {key}", value, command)
    return settings


def _toml(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _fault(path, f"cannot be read ({error.strerror}); correct its permissions or remove it") from None
    except SettingsError as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from None


def _options(command: click.Command) -> dict[str, click.Option]:
    return {
        option.name: option
        for option in command.params
        if isinstance(option, click.Option) and option.name and option.name not in _NO_SETTINGS
    }


def _convert(path: Path, key: str, value: Any, command: click.Command) -> Any:
    option = _options(command)[key.rpartition(" ")[2].replace("-", "_")]
    if option.is_flag and not isinstance(value, bool):
        raise _fault(path, f"{key}: write true or false")
    if option.multiple:
        # One needs no list; a text is a list of its letters to whoever goes through it.
        values = value if isinstance(value, list) else [value]
        if not all(map(_plain, values)):
            raise _fault(path, f"{key}: write a list of texts in quotes or numbers")
        value = tuple(values)
    elif isinstance(value, bool) and not option.is_flag:
        raise _fault(path, f"{key}: is no switch, it takes a value")
    elif not isinstance(value, bool) and not _plain(value):
        raise _fault(path, f"{key}: write a text in quotes or a number")
    try:
        return option.type_cast_value(click.Context(command), value)
    except click.BadParameter as error:
        raise _fault(path, f"{key}: {error.message}") from None


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _fault(path: Path, text: str) -> Failure:
    return Failure(f"{path}: {text}", Exit.USAGE)
