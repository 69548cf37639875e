"""The status for a terminal: each router with its state, who is master, and what is wrong with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import ConsoleRenderable
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vrrpwatch.report.terminal import Color, print_parts
from vrrpwatch.report.units import count, duration
from vrrpwatch.report.writer import TextSink
from vrrpwatch.wire.text import safe_text

# Beyond these a screen is no place to read: the other output has all.
MAX_ROUTERS: Final = 200
MAX_NOTES: Final = 10
MAX_TRACKERS: Final = 100
MAX_ADDRESSES: Final = 20
# Columns of one column: 80 in all, longer texts are folded.
MAX_WIDTH: Final = 24

_STATES: Final = {
    "master": ("●", "green"),
    "backup": ("○", "cyan"),
    "fault": ("✖", "bold red"),
    "stop": ("·", "dim"),
}
_UNKNOWN: Final = ("?", "")

Document = Mapping[str, Any]


def write_table(document: Document, file: TextSink, *, color: Color = "auto", width: int | None = None) -> None:
    """Writes a status as ``docs/agent-status.md`` has it; ``width`` in columns (``None``: the terminal's, else 80)."""
    print_parts(lambda _: _parts(document), file, width=width, color=color)


def _parts(document: Document) -> Iterator[ConsoleRenderable]:
    yield from _head(document)
    routers = document["routers"]
    rows = [_row(router, document["at"]) for router in routers[:MAX_ROUTERS]]
    widths = [max(text.cell_len for text in column) for column in zip(*rows, strict=True)]
    for router, row in zip(routers, rows, strict=False):
        yield Text("")
        line = Table.grid(padding=(0, 2, 0, 0))
        for width in widths[:-1]:
            line.add_column(width=min(width, MAX_WIDTH), overflow="fold")
        line.add_column(overflow="fold")
        line.add_row(*row)
        yield line
        for text in _lines(router):
            yield Padding(text, (0, 0, 0, 3))
    if len(routers) > MAX_ROUTERS:
        rest = count(len(routers) - MAX_ROUTERS, "more router")
        yield Text(f"\n… and {rest}: --output json lists all", style="dim")
    groups = [*map(_sync, document["syncs"]), *map(_companion, document["companions"])]
    if groups:
        yield Text("")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for symbol, style, text in groups:
            table.add_row(Text(symbol, style=style), text)
        yield table


def _head(document: Document) -> Iterator[Text]:
    agent = document["agent"]
    states = Counter(router["state"] for router in document["routers"])
    known = [*_STATES, *(state for state in states if state not in _STATES)]
    counted = ", ".join(f"{states[state]} {safe_text(state, 16)}" for state in known if states[state])
    up = _since(agent["started"], document["at"])
    yield Text.assemble(
        (f"{count(len(document['routers']), 'router')}: ", "bold"),
        (counted or "none", "bold red" if states["fault"] else "bold"),
    )
    notes = [
        f"vrrpwatch {safe_text(agent['version'], 32)}, process {agent['pid']}, up {up}",
        *(("some routers are drained",) if agent["draining"] else ()),
        *(() if agent["realtime"] else ("without real-time priority",)),
        *(() if agent["audited"] else ("not watched by its own sniffer",)),
    ]
    yield Text(", ".join(notes), style="dim")


def _row(router: Document, at: str) -> tuple[Text, ...]:
    symbol, style = _STATES.get(router["state"], _UNKNOWN)
    return (
        Text(symbol, style=style),
        Text(safe_text(router["name"], 64), style="bold"),
        Text(safe_text(router["state"], 16), style=style),
        Text(_since(router["since"], at)),
        Text(_rank(router)),
    )


def _lines(router: Document) -> Iterator[Text]:
    """What else there is to say of it."""
    addresses = router["addresses"]
    listed = ", ".join(safe_text(address, 64) for address in addresses[:MAX_ADDRESSES])
    more = f" and {len(addresses) - MAX_ADDRESSES} more" if len(addresses) > MAX_ADDRESSES else ""
    what = f"{_protocol(router)} on {safe_text(router['interface'], 16)}: {listed}{more}"
    yield Text.assemble(what, *_master(router))
    faults = router["faults"]
    for fault in faults[:MAX_NOTES]:
        yield Text(f"✖ {safe_text(fault, 300)}", style="red")
    for tracker in router["trackers"][:MAX_TRACKERS]:
        # What keeps it from running stands above.
        if not tracker["good"] and not any(fault.startswith(f"{tracker['name']}:") for fault in faults):
            said = safe_text(tracker["detail"] or "nothing is known yet", 300)
            yield Text(f"▲ {safe_text(tracker['name'], 64)}: {said}", style="yellow")
    if router["draining"]:
        yield Text("▲ drained: below everybody who is not", style="yellow")
    yield Text(_history(router), style="dim")


def _history(router: Document) -> str:
    adverts, last = router["adverts"], router["last_change"]
    parts = [] if last is None else [f"was {safe_text(last['from'], 16)}: {safe_text(last['why'], 200)}"]
    parts.append(f"{adverts['sent']:,} adverts sent, {adverts['received']:,} received")
    if adverts["discarded"]:
        reasons = ", ".join(f"{number:,} {safe_text(why, 32)}" for why, number in adverts["discarded"].items())
        parts.append(f"discarded {reasons}")
    return "; ".join(parts)


def _protocol(router: Document) -> str:
    name = f"VRRPv{router['version']}" if router["protocol"] == "vrrp" else "CARP"
    return f"{name} {router['id']}" + (" (IPv6)" if router["family"] == 6 else "")


def _rank(router: Document) -> str:
    if router["protocol"] == "carp":
        demotion = f", demotion {router['demotion']}" if router["demotion"] else ""
        return f"advbase {router['advbase']}, advskew {router['advskew']}{demotion}"
    now, base = router["priority"], router["base_priority"]
    return f"priority {now}" + ("" if now == base else f" of {base}")


def _master(router: Document) -> tuple[str | tuple[str, str], ...]:
    if router["state"] == "master":
        return ()
    if router["master"] is None:
        return ("; ", ("no master is known", "yellow"))
    return ("; master is ", (safe_text(router["master"], 64), "bold"))


def _sync(sync: Document) -> tuple[str, str, Text]:
    symbol, style = _STATES.get(sync["state"], _UNKNOWN)
    names = safe_text(", ".join(sync["routers"]), 500)
    return symbol, style, Text(f"{safe_text(sync['name'], 64)}: {safe_text(sync['state'], 16)} ({names})")


def _companion(companion: Document) -> tuple[str, str, Text]:
    symbol, style = {True: ("✔", "green"), False: ("✖", "bold red")}.get(companion["good"], ("·", "dim"))
    follows = "" if companion["follows"] is None else f" with {safe_text(companion['follows'], 64)}"
    said = safe_text(companion["detail"], 500) or "not told anything yet"
    return symbol, style, Text(f"{safe_text(companion['name'], 64)}{follows}: {said}")


def _since(then: str, now: str) -> str:
    return duration((datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds())
