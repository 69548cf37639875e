"""Where a store is: the forms of its URL, the default, and messages that name it without a secret."""

import os
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from typing import Final, NamedTuple

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from vrrpwatch.wire.text import safe_text

_POSTGRESQL: Final = ("postgres", "postgresql", "postgresql+psycopg")
_MAX_MESSAGE: Final = 1_000


class StoreError(Exception):
    """A store cannot be used; the text is one line: which, why, and what to do where that is known."""


class Place(NamedTuple):
    """A store's address; ``path`` is the file of an SQLite store, ``None`` for PostgreSQL."""

    url: URL
    path: Path | None

    @property
    def name(self) -> str:
        """What people call it: the path, or the URL without secrets."""
        return safe_text(str(self.path) if self.path is not None else _shown(self.url), _MAX_MESSAGE)


def place(url: str) -> Place:
    """Understands ``sqlite:////path``, ``postgresql://…`` and a bare path; raises :class:`StoreError` for others."""
    if not url or "\0" in url:
        raise StoreError("the store has no name; give a path or postgresql://USER@HOST/DATABASE")
    if "://" not in url:
        return _sqlite(Path(url).expanduser())
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # What SQLAlchemy says would repeat the URL, and a password may be in it.
        scheme = safe_text(url.partition("://")[0], 32)
        raise StoreError(f"{scheme}://…: is no URL of a store; write {scheme}://USER@HOST:PORT/DATABASE") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database == ":memory:":
            raise StoreError("sqlite://: names no file, and nothing would be kept; write sqlite:////path/to/journal.db")
        return _sqlite(Path(parsed.database))
    if parsed.drivername in _POSTGRESQL:
        return _postgresql(parsed)
    raise StoreError(f"{safe_text(parsed.drivername, 32)}: no such kind of store; there are sqlite and postgresql")


def _sqlite(path: Path) -> Place:
    return Place(URL.create("sqlite+pysqlite", database=str(path.absolute())), path)


def _postgresql(url: URL) -> Place:
    if url.password is not None or "password" in url.query:
        raise StoreError(
            f"{_shown(url)}: a password in a URL shows in process lists; "
            "put it into a file and write ?passfile=FILE (or set PGPASSFILE)"
        )
    try:
        import psycopg  # noqa: F401 - an extra; without it SQLAlchemy's message does not say what to install
    except ImportError:
        raise StoreError(f"{_shown(url)}: needs the driver psycopg: pip install 'vrrpwatch[postgresql]'") from None
    passfile = url.query.get("passfile") or os.environ.get("PGPASSFILE")
    if isinstance(passfile, str):
        _check_passfile(Path(passfile))
    return Place(url.set(drivername="postgresql+psycopg"), None)


def file_identity(path: Path | None) -> tuple[int, int] | None:
    """Device and inode of what is at ``path``; ``None`` where nothing can be seen."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_passfile(path: Path) -> None:
    # libpq passes over such files in silence or with a line of its own, and then asks for a password.
    try:
        mode = path.stat().st_mode
        with path.open("rb"):
            pass
    except OSError as error:
        raise StoreError(f"{path}: the password file cannot be read ({error.strerror or error})") from None
    if mode & (S_IRWXG | S_IRWXO):
        raise StoreError(f"{path}: others may read the password file; run: chmod 600 {path}")


def _shown(url: URL) -> str:
    plain = url.set(drivername=url.drivername.partition("+")[0]).difference_update_query(("password",))
    return plain.render_as_string(hide_password=True)


def trouble(where: Place, error: SQLAlchemyError | OSError) -> str:
    """One line about what went wrong, with what to do about the common cases."""
    # The driver's own words: SQLAlchemy's add the statement and its values.
    cause = str(getattr(error, "orig", None) or error).strip()
    if isinstance(error, OSError) and error.strerror:
        cause = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = " ".join(cause.split())
    lowered = text.lower()
    for sign, remedy in _REMEDIES:
        if sign in lowered:
            text = f"{text}; {remedy}"
            break
    return safe_text(f"{where.name}: {text}", _MAX_MESSAGE)


_REMEDIES: Final = (
    ("is locked", "another program holds it: close that, or wait"),
    ("disk is full", "free some space, or run vrrpwatch store prune"),
    ("disk i/o error", "check the disk and the limits on file sizes"),
    ("unable to open database file", "check that the folder exists and may be written to"),
    ("readonly database", "check the permissions of the file and its folder"),
    ("not a database", "the file is something else: name another"),
    ("no such table", "run vrrpwatch store upgrade"),
    ("does not exist", "create it, or run vrrpwatch store upgrade"),
    ("password", "check the password file (?passfile=FILE)"),
)
