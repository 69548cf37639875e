"""Reads policy and key files (TOML) for the commands; what they may say is the matter of core.policy and core.keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vrrpwatch.cli.exits import Exit, Failure

# pydantic and tomllib take long to import: only who gives a file pays for them, so they are imported where used.
if TYPE_CHECKING:
    from vrrpwatch.core.keys import Keys
    from vrrpwatch.core.policy import Policy

# Far above any honest file; a device or a pipe without an end must not fill memory.
MAX_FILE: Final = 4 * 1024 * 1024


class SettingsError(Exception):
    """A file that cannot be used: ``lines`` has one line per fault, each with the file, the place and what to do."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def load_judging(policy: str | None, keys: str | None) -> "tuple[Policy | None, Keys | None]":
    """The files that a command was given, if any; raises the usage error that names everything wrong with them."""
    try:
        return None if policy is None else load_policy(policy), None if keys is None else load_keys(keys)
    except SettingsError as error:
        raise Failure("\n".join(error.lines), Exit.USAGE) from None


def load_policy(path: str | Path) -> "Policy":
    """Reads a policy file; raises :class:`SettingsError` with everything that is wrong with it."""
    from pydantic import ValidationError

    from vrrpwatch.core.faults import describe
    from vrrpwatch.core.policy import Policy

    data = _load(path)
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        raise SettingsError(tuple(f"{path}: {line}" for line in describe(error))) from None


def load_keys(path: str | Path) -> "Keys":
    """Reads a key file and the secret files it names (relative to itself); raises :class:`SettingsError` likewise."""
    from pydantic import ValidationError

    from vrrpwatch.core.faults import describe
    from vrrpwatch.core.keys import Keys

    folder = Path(path).parent

    def read(secret: Path) -> bytes:
        try:
            return _read(folder / secret)
        except OSError as error:
            raise ValueError(f"cannot read {folder / secret} ({error.strerror or error}): correct the path") from None

    data = _load(path)
    try:
        return Keys.model_validate(data, context={"read": read})
    except ValidationError as error:
        raise SettingsError(tuple(f"{path}: {line}" for line in describe(error))) from None


def _load(path: str | Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(_read(Path(path)).decode())
    except OSError as error:
        raise SettingsError((f"{path}: cannot be read ({error.strerror or error}): check the path",)) from None
    except UnicodeDecodeError as error:
        raise SettingsError((f"{path}: byte {error.start + 1} is not UTF-8: save it as UTF-8 text",)) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SettingsError((f"{path}: is no TOML: {reason}",)) from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise OSError(None, f"longer than {MAX_FILE} bytes")
    return data
