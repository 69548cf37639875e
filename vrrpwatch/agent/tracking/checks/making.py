"""The check that belongs to each kind of tracker."""

from concurrent.futures import Executor
from typing import assert_never

from vrrpwatch.agent.config.trackers import (
    FileTracker,
    HaproxyTracker,
    HttpTracker,
    Polled,
    ProcessTracker,
    ScriptTracker,
    TcpTracker,
    UnitTracker,
)
from vrrpwatch.agent.launcher import Launcher
from vrrpwatch.agent.tracking.checks.base import Check
from vrrpwatch.agent.tracking.checks.file import FileCheck
from vrrpwatch.agent.tracking.checks.haproxy import HaproxyCheck
from vrrpwatch.agent.tracking.checks.process import ProcessCheck, Processes
from vrrpwatch.agent.tracking.checks.script import ScriptCheck, UnitCheck
from vrrpwatch.agent.tracking.checks.tcp import TcpCheck


def made(tracker: Polled, pool: Executor, processes: Processes, launcher: Launcher) -> Check:
    """Raises :class:`vrrpwatch.agent.tracking.checks.base.CheckError` for what can never be checked."""
    match tracker:
        case FileTracker():
            return FileCheck(tracker, pool)
        case TcpTracker():
            return TcpCheck(tracker, pool)
        case HttpTracker():
            # The one that takes long to load.
            from vrrpwatch.agent.tracking.checks.http import HttpCheck

            return HttpCheck(tracker, pool)
        case HaproxyTracker():
            return HaproxyCheck(tracker)
        case ProcessTracker():
            return ProcessCheck(tracker, processes)
        case ScriptTracker():
            return ScriptCheck(tracker, pool, launcher)
        case UnitTracker():
            return UnitCheck(tracker, launcher)
        case _:
            assert_never(tracker)
