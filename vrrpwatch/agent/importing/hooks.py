"""keepalived's notify scripts as hooks of a router or a sync group."""

from collections.abc import Mapping
from typing import Any, Final

from vrrpwatch.agent.config.routers import Hooks
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.agent.importing.programs import Programs
from vrrpwatch.declared.keepalived_values import Script

_STATES: Final = {
    "notify_master": "master",
    "notify_backup": "backup",
    "notify_fault": "fault",
    "notify_stop": "stop",
    "notify": "any",
}


def hooks(notify: Mapping[str, Script], programs: Programs, gaps: Gaps) -> dict[str, Any]:
    """The ``notify`` table; empty where nothing is run."""
    made: dict[str, Any] = {}
    user: str | None = None
    for keyword, key in _STATES.items():
        script = notify.get(keyword)
        if script is None:
            continue
        command = programs.command(script, keyword)
        if command is None or not gaps.fits(Hooks, {key: command}, script.place, keyword):
            continue
        runs_as = programs.user(script.place, keyword, (script.user, script.group))
        if not gaps.fits(Hooks, {"user": runs_as}, script.place, keyword):
            continue
        if user not in (None, runs_as):
            gaps.add(
                script.place,
                keyword,
                f"the hooks of a router are all run as one user: {LEFT_OUT}, so let one program do both",
            )
            continue
        user = runs_as
        made[key] = command
        gaps.once(script.place, keyword, "a program that has not ended after 30 s is killed: see timeout in notify")
    if made.keys() - {"any"}:
        # keepalived gives arguments to notify only.
        made["arguments"] = "any"
    if made:
        made["user"] = user
    return made
