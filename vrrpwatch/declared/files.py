"""Which files a declaration consists of: bounded reading of regular files, and wildcards without surprises."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from vrrpwatch.declared.notes import DeclaredError
from vrrpwatch.settings import IrregularError, open_regular
from vrrpwatch.wire.text import safe_text

# Real configurations of thousands of routers stay below a megabyte; /dev/zero and log files do not.
MAX_FILE_BYTES = 4 << 20
# Nested braces multiply: {a,b}{a,b}… would name more files than anybody wrote.
MAX_ALTERNATIVES = 256
# A wildcard that has to look at more names than these is aimed at a file system, not at a folder of configurations.
MAX_NAMES = 20_000


class Content(NamedTuple):
    """The lines of a file without their ends, and whether anybody may execute it."""

    lines: tuple[str, ...]
    executable: bool


def read_lines(path: Path) -> Content:
    """The lines of the regular file ``path``.

    Bytes that are no UTF-8 become lone surrogates (PEP 383).  Raises :class:`DeclaredError` with one line that says why
    it cannot be read.
    """
    shown = safe_text(str(path))
    try:
        with open_regular(path) as file:
            executable = bool(os.fstat(file.fileno()).st_mode & 0o111)
            data = file.read(MAX_FILE_BYTES + 1)
    except IrregularError:
        raise DeclaredError(f"{shown}: is no regular file: give the configuration file itself") from None
    except OSError as error:
        raise DeclaredError(f"{shown}: {error.strerror or 'cannot be read'}") from None
    if len(data) > MAX_FILE_BYTES:
        raise DeclaredError(f"{shown}: is larger than {MAX_FILE_BYTES >> 20} MiB, which no configuration is")
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return Content(tuple(line.rstrip("\r") for line in lines), executable)


def matching(folder: Path, pattern: str) -> Iterator[Path]:
    """The files that ``pattern`` names, as glob(3) with GLOB_BRACE does: ``*``, ``?``, ``[...]`` and ``{a,b}``, sorted.

    Relative patterns start at ``folder``.  A pattern without wildcards names its file whether it is there or not.
    Raises :class:`ValueError` for patterns that reach too far.
    """
    seen = _Seen()
    for alternative in _alternatives(pattern):
        steps = [step for step in alternative.split("/") if step]
        start = Path("/") if alternative.startswith("/") else folder
        if steps:
            yield from _walk(start, steps, seen)


class _Seen:
    def __init__(self) -> None:
        self.names = 0

    def count(self) -> None:
        self.names += 1
        if self.names > MAX_NAMES:
            raise ValueError(f"has to look at more than {MAX_NAMES} names: name the folder")


def _walk(start: Path, steps: list[str], seen: _Seen) -> Iterator[Path]:
    reached = [start]
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if any(character in step for character in "*?["):
            reached = [path for folder in reached for path in _names(folder, step, seen) if last or path.is_dir()]
        else:
            reached = [folder / step for folder in reached]
    yield from reached


def _names(folder: Path, step: str, seen: _Seen) -> list[Path]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                seen.count()
                # A leading dot is only matched by a dot (glob(7)).
                if fnmatchcase(entry.name, step) and (step.startswith(".") or not entry.name.startswith(".")):
                    found.append(folder / entry.name)
    except OSError:
        return []
    return sorted(found)


def _alternatives(pattern: str) -> list[str]:
    """``a{b,c}`` as ``ab`` and ``ac``, from left to right; braces that do not close stand for themselves."""
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        if len(done) + len(waiting) > MAX_ALTERNATIVES:
            raise ValueError(f"names more than {MAX_ALTERNATIVES} files in braces: use a wildcard")
        current = waiting.pop(0)
        braces = _braces(current)
        if braces is None:
            done.append(current)
            continue
        start, parts, end = braces
        waiting[:0] = [current[:start] + part + current[end + 1 :] for part in parts]
    return done


def _braces(text: str) -> tuple[int, list[str], int] | None:
    start = text.find("{")
    if start < 0:
        return None
    depth, parts, since = 0, [], start + 1
    for position in range(start, len(text)):
        character = text[position]
        if character == "{":
            depth += 1
        elif character == "," and depth == 1:
            parts.append(text[since:position])
            since = position + 1
        elif character == "}":
            depth -= 1
            if not depth:
                return start, [*parts, text[since:position]], position
    return None
