"""Records the sample captures again: ``python -m tests.lab.record [NAME…]``, as root, on a machine with the daemons."""

import argparse
import sys
import time
from pathlib import Path

from tests.lab import failovers, troubles
from tests.lab.frames import read_frames
from tests.lab.guest import record_in_guest
from tests.lab.network import ended_by_signal, missing
from tests.lab.stage import SCENARIOS, Scenario
from tests.lab.waiting import LabError

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
_GUEST_PROGRAMS = ("linux.uml", "modprobe")

# Importing them registers their scenarios.
_MODULES = (failovers, troubles)


def main(arguments: list[str] | None = None) -> int:
    """Records the named samples, or all; returns 0, or 1 after a message about the first that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.record", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"which (default: all of {', '.join(SCENARIOS)})")
    parser.add_argument("--into", type=Path, default=CAPTURES, help="folder to write to (default: captures/)")
    parser.add_argument("--here", action="store_true", help="use this kernel also where VLAN devices are needed")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.name if name not in SCENARIOS]
    if unknown:
        parser.error(f"no sample is called {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    wanted = [SCENARIOS[name] for name in options.name] or list(SCENARIOS.values())
    for scenario in wanted:
        guest = scenario.guest and not options.here
        why = missing(*scenario.programs, *(_GUEST_PROGRAMS if guest else ()))
        if why is not None:
            print(f"{scenario.name}: {why}", file=sys.stderr)
            return 1
    with ended_by_signal():
        for scenario in wanted:
            try:
                _record(scenario, options.into, guest=scenario.guest and not options.here)
            except LabError as error:
                print(f"{scenario.name}: {error}", file=sys.stderr)
                return 1
    return 0


def _record(scenario: Scenario, folder: Path, *, guest: bool) -> None:
    began = time.monotonic()
    if guest:
        record_in_guest(scenario.name, folder)
    else:
        scenario.record(folder)
    path = folder / f"{scenario.name}{scenario.suffix}"
    took = time.monotonic() - began
    print(f"{path}: {len(read_frames(path))} packets, {path.stat().st_size} bytes, {took:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
