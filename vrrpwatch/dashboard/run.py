"""Runs the dashboard over a view until someone quits."""

import gc
import sys
from pathlib import Path
from typing import Final

from vrrpwatch.core.news import View
from vrrpwatch.dashboard.app import Dashboard
from vrrpwatch.dashboard.controls import Hearing, Keeper, MemoryKeeper, Player
from vrrpwatch.dashboard.feed import Feed, Lock, Pump
from vrrpwatch.dashboard.stand_ins import readable

# So many passes over the young between two over everything, which stop a busy screen for tens of milliseconds.
FULL_PASSES: Final = 100


def spare_the_collector() -> None:
    """Tells the garbage collector that what is loaded stays: its passes stop the screen, and need not go over it."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_PASSES)


def run(
    view: View,
    *,
    title: str,
    refresh: float = 0.25,
    keeper: Keeper | None = None,
    player: Player | None = None,
    hearing: Hearing | None = None,
    pump: Pump | None = None,
    lock: Lock | None = None,
    errors: tuple[type[Exception], ...] = (OSError,),
    theme: str | None = None,
    pictures: Path | None = None,
    reveal: bool = False,
) -> int:
    """Shows ``view`` until someone quits; returns the exit code: 0, or 130 after Ctrl+C.

    ``pump`` runs in a thread of its own from the first picture on; it feeds the engine behind the view until its
    argument, a :class:`threading.Event`, is set, and then returns within a second or so.  When it returns by itself the
    source has ended, which the screen says.  ``lock`` is what keeps view and pump apart: whoever changes what the view
    shows holds it while doing so, a batch at a time; the screen's thread takes it for each picture (every ``refresh``
    seconds), waits for it 5 ms at most, and while it holds it calls the view's methods and copies what it needs.
    Where no other thread changes the view no lock is needed.

    ``errors`` are exceptions that view, pump and keeper raise for trouble with the source (an interface is gone, a
    database away): they are shown in a line, and the next picture is tried as usual.  Any other exception of the pump
    ends the dashboard and is raised here.  ``keeper`` remembers decisions about findings (without one they last as long
    as the program), ``player`` steers a recording, ``hearing`` tells what cannot be heard now.  ``theme`` is one of
    :data:`vrrpwatch.dashboard.themes.NAMES`, by default what suits the terminal.  Pictures are saved in ``pictures``,
    by default the current directory.  ``reveal`` shows simple passwords.
    """
    feed = Feed(view, lock, pump, errors)
    app = Dashboard(
        feed,
        title=title,
        refresh=refresh,
        keeper=keeper if keeper is not None else MemoryKeeper(),
        player=player,
        hearing=hearing,
        theme=theme,
        pictures=pictures if pictures is not None else Path.cwd(),
        reveal=reveal,
    )
    spare_the_collector()
    try:
        # Textual writes to the standard error that the program began with.
        with readable(sys.__stderr__):
            code = app.run()
    finally:
        feed.stop()
    if app.fault is not None:
        raise app.fault
    # Textual has told what ended it otherwise, on standard error.
    return code if code is not None else app.return_code or 0
