"""What keepalived's instances and sync groups track, as trackers of the settings and as what a router heeds of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.config.agent import MAX_TRACKERS
from vrrpwatch.agent.config.routers import Tracked as TrackedSettings
from vrrpwatch.agent.config.trackers import FileTracker, LinkTracker, ProcessTracker, ScriptTracker
from vrrpwatch.agent.importing.absent import TRACK_PROCESS
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps, Names
from vrrpwatch.agent.importing.programs import Programs
from vrrpwatch.core.machine.settings import OWNER_PRIORITY
from vrrpwatch.declared.keepalived_values import CheckScript, Keepalived, Tracked, TrackFile, TrackProcess
from vrrpwatch.declared.notes import Place

MAX_TRACKED: Final = 100
_MOST_WEIGHT: Final = 253
# Seconds; vrrp_track.h: VRRP_SCRIPT_DI, which is how long a script may take too.
_INTERVAL: Final = 1.0
_LONGEST_TIMEOUT: Final = 300.0
_MOST_RESULTS: Final = 1_000
_FILE_WEIGHT: Final = 1


class Made(NamedTuple):
    """A tracker: where it is declared, and its table."""

    place: Place
    table: Mapping[str, Any]


class Heeded(NamedTuple):
    """What is tracked as an instance or a group has it, and where it says so; ``kind`` is its keyword."""

    place: Place
    kind: str
    name: str
    weight: int
    reverse: bool


class Trackers:
    """Makes those that somebody heeds, in the order of the configuration, and says which ones nobody does."""

    def __init__(self, declared: Keepalived, programs: Programs, gaps: Gaps) -> None:
        self._programs = programs
        self._gaps = gaps
        self._names = Names(gaps)
        self._scripts = {one.name: one for one in declared.scripts}
        self._files = {one.name: one for one in declared.track_files}
        self._processes = {one.name: one for one in declared.track_processes}
        self._made: dict[tuple[str, str], Made | None] = {}

    def heeded(self, kind: str, items: Sequence[Tracked]) -> list[Heeded]:
        """What a ``track_…`` block asks for, with the weights that it leaves to the declarations."""
        found: dict[str, Heeded] = {}
        for item in items:
            declared = self._declared(kind, item.name)
            if declared is None and kind != "track_interface":
                self._gaps.add(
                    item.place, item.name, f"it is declared nowhere, so keepalived does not track it: {LEFT_OUT}"
                )
                continue
            weight = _FILE_WEIGHT if kind == "track_file" else 0
            reverse = False
            if declared is not None:
                weight = weight if declared.weight is None else declared.weight
                reverse = declared.reverse
            if item.weight is not None:
                weight = item.weight
            reverse = "reverse" in item.options or (reverse and not {"noreverse", "no_reverse"} & set(item.options))
            if item.name in found:
                self._gaps.add(item.place, item.name, f"it is tracked twice: {LEFT_OUT}")
                continue
            found[item.name] = Heeded(item.place, kind, item.name, weight, reverse)
        return list(found.values())

    def track(self, wanted: Sequence[Heeded], priority: int) -> list[dict[str, Any] | str]:
        """A router's ``track``."""
        made: list[dict[str, Any] | str] = []
        for one in wanted:
            if one.weight and priority == OWNER_PRIORITY:
                self._gaps.add(one.place, one.name, f"an owner's priority stays what it is: {LEFT_OUT}")
                continue
            tracker = self._tracker(one)
            if tracker is not None:
                made.append(self._entry(one, str(tracker.table["name"])))
        return list(self._gaps.capped(made, MAX_TRACKED, wanted[0].place, wanted[0].kind) if made else made)

    def all(self) -> list[Made]:
        """Those that were asked for, in the order of the configuration's blocks; scripts, files, processes, links."""
        order = [
            *(("track_script", name) for name in self._scripts),
            *(("track_file", name) for name in self._files),
            *(("track_process", name) for name in self._processes),
        ]
        rest = [key for key in self._made if key[0] == "track_interface"]
        found = (self._made.get(key) for key in (*order, *rest))
        return [one for one in found if one is not None]

    def unused(self) -> None:
        """Says which ones nobody heeds."""
        for kind, known in (
            ("track_script", self._scripts),
            ("track_file", self._files),
            ("track_process", self._processes),
        ):
            for name, one in known.items():
                if (kind, name) not in self._made:
                    self._gaps.add(one.place, name, f"nobody tracks it: {LEFT_OUT}")

    def _entry(self, one: Heeded, name: str) -> dict[str, Any] | str:
        weight, reverse = one.weight, one.reverse
        if weight:
            if reverse and one.kind == "track_file":
                weight, reverse = -weight, False
            elif reverse:
                # keepalived changes the weight's sign, and the agent what is good.
                weight = -weight
            weight = self._gaps.bounded(weight, -_MOST_WEIGHT, _MOST_WEIGHT, one.place, one.name)
        elif one.kind == "track_file":
            self._gaps.add(
                one.place, one.name, "with weight 0 a number below 0 is a fault here, and 1 is none: write -1"
            )
        table: dict[str, Any] = {"name": name}
        if weight:
            table["weight"] = weight
        if reverse:
            table["reverse"] = True
        return table if len(table) > 1 and self._gaps.fits(TrackedSettings, table, one.place, one.name) else name

    def _declared(self, kind: str, name: str) -> CheckScript | TrackFile | TrackProcess | None:
        match kind:
            case "track_script":
                return self._scripts.get(name)
            case "track_file":
                return self._files.get(name)
            case "track_process":
                return self._processes.get(name)
            case _:
                return None

    def _tracker(self, one: Heeded) -> Made | None:
        key = (one.kind, one.name)
        if key not in self._made:
            declared = self._declared(*key)
            match declared:
                case CheckScript():
                    table = self._script(declared)
                    model: type[Any] = ScriptTracker
                case TrackFile():
                    table = self._file(declared)
                    model = FileTracker
                case TrackProcess():
                    table = self._process(declared)
                    model = ProcessTracker
                case None:
                    table = {"type": "interface", "interface": one.name}
                    model = LinkTracker
            place = one.place if declared is None else declared.place
            made = None
            if len(self._made) >= MAX_TRACKERS:
                self._gaps.add(place, one.name, f"more than {MAX_TRACKERS} trackers: {LEFT_OUT}")
            elif table is not None and self._gaps.fits(model, {"name": "x"} | table, place, one.name):
                made = Made(place, {"name": self._names.take(one.name, place)} | table)
            self._made[key] = made
        return self._made[key]

    def _script(self, script: CheckScript) -> dict[str, Any] | None:
        gaps, place, name = self._gaps, script.place, script.name
        if script.script is None:
            gaps.add(place, name, f"it has no script, so keepalived does not run it: {LEFT_OUT}")
            return None
        command = self._programs.command(script.script, name)
        if command is None:
            return None
        if script.init_fail:
            gaps.add(place, "init_fail", "a router waits for the first result, which decides alone: leave it out")
        interval = _INTERVAL if script.interval is None else script.interval
        timeout = interval if script.timeout is None else script.timeout
        user = script.user or (script.script.user, script.script.group)
        table = {
            "type": "script",
            "command": command,
            "user": self._programs.user(script.script.place, name, user),
            "interval": gaps.bounded(interval, 0.05, 86_400.0, place, "interval"),
            "timeout": gaps.bounded(timeout, 0.001, _LONGEST_TIMEOUT, place, "timeout"),
        }
        for key, results in (("rise", script.rise), ("fall", script.fall)):
            if results is not None and results > 1:
                table[key] = gaps.bounded(results, 1, _MOST_RESULTS, place, key)
        return table

    def _file(self, file: TrackFile) -> dict[str, Any] | None:
        if file.path is None:
            self._gaps.add(file.place, file.name, f"it names no file, so keepalived does not read it: {LEFT_OUT}")
            return None
        if file.init is not None:
            self._gaps.add(file.place, "init_file", "the agent writes no file: have its service unit write it")
        self._gaps.add(
            file.place,
            file.name,
            "it is read every second, not when it changes; a file that is missing or holds no number is bad here, and "
            "0 to keepalived: keep a number in it",
        )
        return {"type": "file", "path": file.path, "number": True}

    def _process(self, process: TrackProcess) -> dict[str, Any] | None:
        gaps, place = self._gaps, process.place
        if not process.process:
            gaps.add(place, process.name, f"it names no process, so keepalived does not track it: {LEFT_OUT}")
            return None
        path, *parameters = process.process
        if parameters:
            gaps.add(place, "process", "processes go by their name alone: its parameters are left out")
        gaps.absent(process.statement.inner, TRACK_PROCESS)
        table: dict[str, Any] = {"type": "process", "process": path.rpartition("/")[2]}
        if process.quorum is not None and process.quorum > 1:
            table["count"] = gaps.bounded(process.quorum, 1, 10_000, place, "quorum")
        for key, delay in (("rise", process.fork_delay), ("fall", process.terminate_delay)):
            if delay:
                # Looked for every second.
                table[key] = gaps.bounded(1 + math.ceil(delay), 1, _MOST_RESULTS, place, key)
        return table
