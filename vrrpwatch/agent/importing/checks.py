"""keepalived's checks of a real server as the one check that the agent makes of it."""

import math
from collections.abc import Sequence
from typing import Any, Final

from vrrpwatch.agent.config.companions import RealCheck
from vrrpwatch.agent.importing.absent import CHECK, NO_CHECK
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.agent.importing.programs import Programs
from vrrpwatch.declared.keepalived_fields import script, seconds, whole
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.notes import Notes, quoted

Table = dict[str, Any]

_KINDS: Final = {
    "TCP_CHECK": "tcp",
    "SMTP_CHECK": "tcp",
    "HTTP_GET": "http",
    "SSL_GET": "https",
    "MISC_CHECK": "script",
}
CHECKERS: Final = (*_KINDS, *NO_CHECK)
# check_data.h: KEEPALIVED_DEFAULT_DELAY, and check_data.c: connection_to; in seconds.
_INTERVAL: Final = 60.0
_TIMEOUT: Final = 5.0
# How often a failure is looked at again, and after how many seconds (check_http.c, check_api.c).
_RETRIES: Final = {"http": (3, 3.0), "https": (3, 3.0), "tcp": (1, 1.0), "script": (0, 1.0)}
_LONGEST_TIMEOUT: Final = 300.0
_OK: Final = 200


class Checks:
    """``around`` below are the blocks that a check is in, from the inside: what they say is its default."""

    def __init__(self, programs: Programs, notes: Notes, gaps: Gaps) -> None:
        self._programs = programs
        self._notes = notes
        self._gaps = gaps

    def check(self, real: Statement, virtual: Statement, port: int | None) -> Table | bool:
        """The ``check``, or ``False`` where none is made."""
        found = [one for one in real.inner if one.keyword in CHECKERS]
        made: Table | None = None
        for one in found:
            if one.keyword in NO_CHECK:
                self._gaps.add(one.place, one.keyword, NO_CHECK[one.keyword])
            elif made is not None:
                self._gaps.add(one.place, one.keyword, f"a real server has one check: {LEFT_OUT}, so let one do both")
            else:
                made = self._made(one, (one, real, virtual), port)
        if found and made is None:
            self._gaps.add(real.place, "real_server", "it is not checked here, and always used: add a check")
        return made if made is not None else False

    def _made(self, one: Statement, around: Sequence[Statement], port: int | None) -> Table | None:
        self._gaps.absent(one.inner, CHECK)
        kind = _KINDS[one.keyword]
        table: Table = {"type": kind}
        if one.keyword == "SMTP_CHECK":
            self._gaps.add(
                one.place, one.keyword, "the agent speaks no SMTP: a connection by TCP is all that is checked"
            )
        if kind == "script":
            command = self._command(one)
            if command is None:
                return None
            table["command"] = command
        else:
            given = self._number("connect_port", around[:1], 1, 65_535)
            if given or port:
                table["port"] = given or port
        if kind in ("http", "https"):
            self._page(one, table)
        self._times(one, around, table)
        return table if self._gaps.fits(RealCheck, table, one.place, one.keyword) else None

    def _command(self, one: Statement) -> list[str] | None:
        path = next((inner for inner in one.inner if inner.keyword == "misc_path"), None)
        command = None if path is None else script(path, self._notes)
        if command is None:
            self._gaps.add(one.place, "MISC_CHECK", f"it has no misc_path, so keepalived does not run it: {LEFT_OUT}")
            return None
        self._gaps.once(
            command.place, "misc_path", "programs that check real servers run as nobody: see that it can do its work so"
        )
        return self._programs.command(command, "misc_path")

    def _page(self, one: Statement, table: Table) -> None:
        gaps = self._gaps
        pages = [inner for inner in one.inner if inner.keyword == "url"]
        for page in pages[1:]:
            gaps.add(page.place, "url", f"a check asks for one page: {LEFT_OUT}")
        for inner in (inner for page in pages[:1] for inner in page.inner):
            if inner.keyword == "path" and inner.arguments:
                table["path"] = inner.arguments[0]
            elif inner.keyword == "status_code" and inner.arguments:
                first = inner.arguments[0].partition("-")[0]
                status = whole(first, 100, 599)
                if status is None:
                    gaps.add(inner.place, "status_code", f"{quoted(first)} is no status of HTTP: {LEFT_OUT}")
                    continue
                if len(inner.arguments) > 1 or inner.arguments[0] != first:
                    gaps.add(inner.place, "status_code", f"one status is good here: written as {status}")
                if status != _OK:
                    table["status"] = status
        gaps.absent((inner for page in pages[:1] for inner in page.inner), CHECK)

    def _times(self, one: Statement, around: Sequence[Statement], table: Table) -> None:
        gaps = self._gaps
        interval = self._seconds("delay_loop", around, _INTERVAL)
        if table["type"] == "script":
            timeout = self._seconds("misc_timeout", around[:1], interval)
        else:
            timeout = self._seconds("connect_timeout", around, _TIMEOUT)
        interval = gaps.bounded(interval, 0.05, 86_400.0, one.place, "delay_loop")
        table["interval"] = interval
        table["timeout"] = gaps.bounded(timeout, 0.001, _LONGEST_TIMEOUT, one.place, "connect_timeout")
        usual, pause = _RETRIES[str(table["type"])]
        said = self._number("retry", around, 0, 2**31)
        if said is None:
            said = self._number("nb_get_retry", around[:1], 0, 2**31)
        said = usual if said is None else said
        pause = self._seconds("delay_before_retry", around, pause)
        fall = gaps.bounded(1 + math.ceil(said * pause / interval), 1, 1_000, one.place, "retry")
        table["fall"] = fall
        if said:
            gaps.once(
                one.place,
                one.keyword,
                "failures are not looked at again in between (retry, delay_before_retry): fall counts checks, and is "
                "written so that a server is given up after about as long",
            )

    def _said(self, keyword: str, around: Sequence[Statement]) -> Statement | None:
        return next((inner for block in around for inner in block.inner if inner.keyword == keyword), None)

    def _number(self, keyword: str, around: Sequence[Statement], least: int, most: int) -> int | None:
        inner = self._said(keyword, around)
        if inner is None or not inner.arguments:
            return None
        value = whole(inner.arguments[0], least, most)
        if value is None:
            self._gaps.add(inner.place, keyword, f"{quoted(inner.arguments[0])} is no number that it takes: {LEFT_OUT}")
        return value

    def _seconds(self, keyword: str, around: Sequence[Statement], usual: float) -> float:
        inner = self._said(keyword, around)
        value = None if inner is None else seconds(inner, self._notes, 0.0, 2**32 / 1e6)
        return usual if value is None else value
