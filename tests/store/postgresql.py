"""A PostgreSQL server of our own on a Unix socket: made, stopped and started by tests."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.store.waiting import wait_until

_USER = "postgres"
# A user who needs a password.
GUARDED = "guarded"


def programs() -> Path | None:
    """The folder of the server's programs; ``None`` where it is not installed."""
    found = shutil.which("initdb")
    folders = [*([Path(found).parent] if found else []), *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


class Server:
    """One cluster, gone at the end of the block; ``fsync`` makes it as slow, and as safe, as a real one."""

    def __init__(self, folder: Path, fsync: bool = False) -> None:
        self._fsync = "on" if fsync else "off"
        self._programs = folder
        # Short, for a socket's path has room for 107 characters; PostgreSQL refuses to run as root.
        self.home = Path(tempfile.mkdtemp(prefix="vrrpwatch-pg-"))
        self._user = _USER if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self.home, self._user, self._user)
        self._call("initdb", "-D", str(self.home / "data"), "-U", "root", "-A", "trust", "-E", "UTF8", "--no-sync")
        access = self.home / "data" / "pg_hba.conf"
        access.write_text(f"local all {GUARDED} scram-sha-256\n{access.read_text()}")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.home)

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self.home / "data"), "-k", str(self.home)]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-c", "listen_addresses=", "-c", f"fsync={self._fsync}"],
                stdout=log,
                stderr=log,
                cwd=self.home,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else (),
            )
        wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            # SIGINT is PostgreSQL's fast shutdown: it closes the connections of clients.
            self._process.send_signal(2)
            self._process.wait(30)
            self._process = None

    def database(self) -> str:
        """The URL of a new database."""
        self._databases += 1
        name = f"vrrpwatch{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://root@/{name}?host={self.home}"

    def guard(self, url: str, password: str) -> str:
        """The URL of the same database for a user with a password."""
        database = url.partition("@/")[2]
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {GUARDED} SUPERUSER LOGIN PASSWORD '{password}'".encode())
        return f"postgresql://{GUARDED}@/{database}"

    def _address(self, name: str) -> str:
        return f"host={self.home} user=root dbname={name}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.home,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else (),
        )
