"""No acknowledged event is missing after kill -9, at whatever moment it comes."""

import random
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, select

from vrrpwatch.store.tables import EventRow, FindingRow, SecondRow

ROOT = Path(__file__).parents[2]
KILLS = 8


def kill_after(url: str, first: int, lines: int) -> int:
    """Runs the victim until it has acknowledged so many times, kills it, and returns the last number it told."""
    command = [sys.executable, "-m", "tests.store.victim", url, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        last = first - 1
        for _ in range(lines):
            last = int(victim.stdout.readline())
        victim.kill()
        # What it printed before it died counts as well.
        rest = [line for line in victim.stdout.read().split("\n")[:-1] if line]
    return int(rest[-1]) if rest else last


def test_nothing_acknowledged_is_lost(url: str, engine: Engine) -> None:
    chance = random.Random(20260101)
    first = 1
    for _ in range(KILLS):
        last = kill_after(url, first, chance.randrange(1, 40))
        with engine.connect() as connection:
            numbers = set(connection.execute(select(EventRow.packet)).scalars())
            counted = connection.execute(select(FindingRow.count)).scalar_one()
            seconds = connection.execute(select(SecondRow.start)).all()
        # All of every victim so far; perhaps more than it could tell.
        assert numbers >= set(range(first, last + 1)), (first, last)
        assert counted >= last - first + 1
        assert len(seconds) >= last - first + 1
        first = max(numbers) + 1
