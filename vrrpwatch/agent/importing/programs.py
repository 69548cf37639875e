"""Programs that keepalived runs, as commands of the settings and as whom they are run: no shell, no search here."""

from typing import Final

from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.declared.keepalived_values import Keepalived, Script
from vrrpwatch.declared.notes import Place

# Looks a program up where keepalived does (PATH), on the host where the agent runs.
_FINDS: Final = "/usr/bin/env"
_ROOT: Final = "root"
# What keepalived runs scripts as where there is such a user (lib/notify.c, DEFAULT_SCRIPT_USER).
_DEFAULT: Final = "keepalived_script"


class Programs:
    """Which arguments a program is started with, and which user as."""

    def __init__(self, declared: Keepalived, gaps: Gaps) -> None:
        self._gaps = gaps
        self._default = declared.globals.script_user
        self._secure = any(
            inner.keyword == "enable_script_security"
            for statement in declared.tree
            if statement.keyword == "global_defs"
            for inner in statement.inner
        )

    def command(self, script: Script, what: str) -> list[str] | None:
        """The arguments; ``None``, and a line, for what can be no program."""
        program, *arguments = script.command
        if program.startswith("/"):
            return [program, *arguments]
        if "/" in program or "=" in program or program.startswith("-") or not program:
            self._gaps.add(
                script.place, what, f"it begins with no program, and no shell reads it: {LEFT_OUT}, so write a script"
            )
            return None
        return [_FINDS, program, *arguments]

    def user(self, place: Place, what: str, said: tuple[str | None, ...]) -> str:
        """The user, by what the statement says, or by what is said for all."""
        given = tuple(word for word in said if word is not None) or self._default or ()
        if len(given) > 1 and given[1].lstrip(":") != given[0]:
            self._gaps.add(place, what, "it gets the groups of its user here: a group of its own cannot be given")
        if given:
            return given[0]
        if self._secure:
            return _DEFAULT
        self._gaps.once(
            place,
            what,
            f"without script_user, keepalived runs it as {_DEFAULT} where there is such a user, and as root elsewhere: "
            "written as root, so name a user who can do less",
        )
        return _ROOT
