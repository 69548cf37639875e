"""Reads what people write for the program: settings (TOML), which models judge, and the secret files these name."""

import os
import re
import stat
from collections.abc import Callable
from errno import EISDIR
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

# pydantic and tomllib take long to import: only where there is a file they are.
if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)

# Far above any honest file.
MAX_FILE: Final = 4 * 1024 * 1024
# tomllib takes the square of a dotted key's parts, and no setting here has ten.
MAX_PARTS: Final = 100
# The longest key that a protocol here uses, and the end of its line.
MAX_SECRET: Final = 4096 + 2


class SettingsError(Exception):
    """A file that cannot be used: ``lines`` has one line per fault, each with the file, the place and what to do."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class IrregularError(OSError):
    """A folder, a pipe, a device: what is no regular file."""


def load(path: str | Path, model: "type[Model]") -> "Model":
    """Reads a settings file and the secret files it names (relative to itself).

    ``model`` finds in its validation context, as ``read``, what returns a secret file's bytes or raises
    :class:`ValueError`.  Raises :class:`SettingsError` with everything that is wrong.
    """
    from pydantic import ValidationError

    from vrrpwatch.core.faults import Place, describe
    from vrrpwatch.core.toml_lines import TomlLines

    try:
        text, tables = _read_toml(path)
    except OSError as error:
        raise SettingsError((f"{path}: cannot be read ({error.strerror}): check the path",)) from None
    try:
        return model.model_validate(tables, context={"read": _secrets_beside(Path(path))})
    except ValidationError as error:
        lines = TomlLines(text)

        def where(place: Place) -> str:
            line = lines.of(place)
            return f"{path}: " if line is None else f"{path}:{line}: "

        raise SettingsError(describe(error, where)) from None


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a file; raises :class:`OSError` where it cannot be read, :class:`SettingsError` for no TOML."""
    return _read_toml(path)[1]


def _read_toml(path: str | Path) -> tuple[str, dict[str, Any]]:
    data = read_regular(path, MAX_FILE)
    # Most people have no such file, and need not wait for its reader.
    import tomllib

    try:
        text = data.decode()
        return text, _tables(text)
    except UnicodeDecodeError as error:
        raise SettingsError((f"{path}: byte {error.start + 1} is not UTF-8: save it as UTF-8 text",)) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SettingsError((f"{path}: is no TOML: {reason}",)) from None


def _tables(text: str) -> dict[str, Any]:
    import tomllib

    if _is_deep(text):
        raise RecursionError
    return tomllib.loads(text)


def _is_deep(text: str) -> bool:
    """Whether anything that may be one key has too many dots; of those in a row, as in a comment, none divides keys."""
    return any(piece.count(".") > MAX_PARTS for piece in re.split("[,{}=\n]", re.sub(r"\.{2,}", "", text)))


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file to read; raises :class:`OSError`, its ``strerror`` a reason, for all else."""
    try:
        # A named pipe or a terminal in its place must not make the program wait for somebody at the other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:
        raise OSError(None, "no file can have this name") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise IrregularError(None, os.strerror(EISDIR) if stat.S_ISDIR(mode) else "is no regular file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """A regular file of ``most`` bytes or fewer; raises :class:`OSError`, its ``strerror`` a reason, for all else."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(None, f"longer than {most} bytes")
    return data


def _secrets_beside(path: Path) -> Callable[[Path], bytes]:
    def read(secret: Path) -> bytes:
        place = path.parent / secret
        try:
            return read_regular(place, MAX_SECRET)
        except OSError as error:
            raise ValueError(f"cannot read {place} ({error.strerror}): correct the path") from None

    return read
