"""Who would take over a group next, and when, from what has been seen of its backups."""

from collections.abc import Sequence

from vrrpwatch.core.analysis import Listener, Successor
from vrrpwatch.core.dialect import outranks, takeover_wait
from vrrpwatch.core.tracker import Tracker
from vrrpwatch.core.voices import Voice


def successor(tracker: Tracker, listeners: Sequence[Listener]) -> Successor | None:
    """The best backup known to be alive: one that yielded to a better master, stands by (HSRP, GLBP), or still listens.

    A speaker that fell silent as master or resigned is not counted on unless it joined the group again since.  A
    listener that has never advertised has no known priority: its wait is unknown, and several are not told apart.
    """
    master = tracker.master
    if master is None or master.ended == "resigned" or tracker.state() == "contested":
        return None
    joined = {listener.ip: listener.joined for listener in listeners}
    best: Voice | None = None
    for voice in tracker.voices.values():
        alive = voice.standby or joined.get(voice.key.ip, -1) > voice.last
        eligible = voice.key.ip != master.key.ip and voice.ended is not None and alive
        if eligible and (best is None or outranks(voice.first_advert, best.first_advert)):
            best = voice
    if best is not None:
        return Successor(best.key.ip, takeover_wait(best.first_advert, master.advert))
    known = {voice.key.ip for voice in tracker.voices.values()}
    silent = {listener.ip for listener in listeners} - known
    return Successor(silent.pop(), None) if len(silent) == 1 else None
