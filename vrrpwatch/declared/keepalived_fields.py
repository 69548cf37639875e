"""Single values of keepalived statements: numbers, times, booleans, addresses and scripts, with a note where wrong."""

from ipaddress import IPv6Address, ip_address
from typing import Final

from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Script, Tracked, UnicastPeer, VirtualAddress
from vrrpwatch.declared.keepalived_words import escaped_words
from vrrpwatch.declared.notes import Notes, Place, quoted
from vrrpwatch.wire.values import IPAddress

_BOOLEANS: Final = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
# keepalived's longest times and weights have ten digits.
_LONGEST: Final = 20
_WITH_VALUE: Final = {
    "dev": "device",
    "scope": "scope",
    "label": "label",
    "brd": "broadcast",
    "broadcast": "broadcast",
    "peer": "peer",
    "preferred_lft": "preferred_lft",
    "track_group": "track_group",
}
_FLAGS: Final = frozenset({"home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track", "use_vmac"})


def first(statement: Statement, notes: Notes) -> str | None:
    """The statement's one argument; ``None`` and a note where there is none."""
    if not statement.arguments:
        notes.add(statement.place, f"{quoted(statement.keyword)} misses its value")
        return None
    if len(statement.arguments) > 1:
        notes.add(statement.place, f"{quoted(statement.keyword)} takes one value: the rest is not read")
    return statement.arguments[0]


def whole(text: str, least: int, most: int) -> int | None:
    """A whole number in decimal digits between ``least`` and ``most``, or ``None``."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST:
        return None
    value = int(text)
    return value if least <= value <= most else None


def integer(statement: Statement, notes: Notes, least: int, most: int) -> int | None:
    """The statement's one argument as a whole number; ``None`` and a note where it is none or out of range."""
    text = first(statement, notes)
    value = None if text is None else whole(text, least, most)
    if text is not None and value is None:
        notes.add(statement.place, f"{quoted(statement.keyword)} takes {least} to {most}, not {quoted(text)}")
    return value


def seconds(statement: Statement, notes: Notes, least: float, most: float) -> float | None:
    """A time in seconds with a fraction, as keepalived's TIMER."""
    text = first(statement, notes)
    if text is None:
        return None
    digits = text.removeprefix("+").replace(".", "", 1)
    value = float(text) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST else None
    if value is None or not least <= value <= most:
        notes.add(
            statement.place, f"{quoted(statement.keyword)} takes {least:g} to {most:g} seconds, not {quoted(text)}"
        )
        return None
    return value


def boolean(statement: Statement, notes: Notes) -> bool | None:
    """``on``, ``true``, ``yes`` and their opposites; the keyword alone means yes."""
    if not statement.arguments:
        return True
    text = first(statement, notes)
    value = _BOOLEANS.get(text or "")
    if value is None:
        notes.add(statement.place, f"{quoted(statement.keyword)} takes on or off, not {quoted(text or '')}")
    return value


def parsed_address(text: str) -> IPAddress | None:
    """An IP address without prefix or interface, or ``None``."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id is not None else address


def address(statement: Statement, notes: Notes) -> IPAddress | None:
    """The statement's one argument as an IP address; ``None`` and a note where it is none."""
    text = first(statement, notes)
    value = None if text is None else parsed_address(text)
    if text is not None and value is None:
        notes.add(statement.place, f"{quoted(statement.keyword)} takes an IP address, not {quoted(text)}")
    return value


def multicast(statement: Statement, notes: Notes, family: int | None) -> IPAddress | None:
    """As ``address``, for a multicast address of the family, or of any where that is ``None``."""
    value = address(statement, notes)
    if value is not None and (not value.is_multicast or family not in (None, value.version)):
        kind = "a" if family is None else f"an IPv{family}"
        notes.add(statement.place, f"{quoted(statement.keyword)} takes {kind} multicast address, not {value}")
        return None
    return value


def virtual_address(statement: Statement, notes: Notes) -> VirtualAddress | None:
    """A line of an address block; ``None`` and a note where keepalived skips it."""
    text, slash, length = statement.keyword.partition("/")
    found = parsed_address(text)
    prefix = whole(length, 0, 128 if isinstance(found, IPv6Address) else 32) if slash else None
    if found is None or (slash and prefix is None):
        notes.add(statement.place, f"no IP address: {quoted(statement.keyword)}")
        return None
    values: dict[str, str] = {}
    flags: list[str] = []
    rest = iter(statement.arguments)
    for word in rest:
        field = _WITH_VALUE.get(word)
        if field is None:
            flags.append(word)
            if word not in _FLAGS:
                notes.add(statement.place, f"unknown word {quoted(word)} after {found}")
            continue
        value = next(rest, None)
        if value is None:
            notes.add(statement.place, f"{quoted(word)} misses its value")
            return None
        values[field] = value
    return VirtualAddress(statement.place, found, prefix, **values, options=tuple(flags))


def unicast_peer(statement: Statement, notes: Notes) -> UnicastPeer | None:
    """A line of ``unicast_peer``; ``None`` and a note where keepalived skips it."""
    found = parsed_address(statement.keyword)
    if found is None:
        notes.add(statement.place, f"no IP address: {quoted(statement.keyword)}")
        return None
    ttls: dict[str, int] = {}
    words = statement.arguments
    for name, text in zip(words[::2], (*words[1::2], ""), strict=False):
        value = whole(text, 0, 255)
        if name not in ("min_ttl", "max_ttl") or value is None:
            notes.add(statement.place, f"unicast_peer takes min_ttl and max_ttl from 0 to 255, not {quoted(name)}")
            break
        ttls[name] = value
    return UnicastPeer(statement.place, found, **ttls)


def tracked(statement: Statement, notes: Notes) -> Tracked:
    """A line of a ``track_…`` block: a name, and after ``weight`` a number; other words are options."""
    words = list(statement.arguments)
    weight = None
    if "weight" in words:
        at = words.index("weight")
        text = words[at + 1] if at + 1 < len(words) else ""
        weight = whole(text, -(2**31) + 1, 2**31 - 1)
        if weight is None:
            notes.add(statement.place, f"weight takes a number, not {quoted(text)}")
        del words[at : at + 2]
    for word in words:
        if word not in ("reverse", "noreverse", "no_reverse"):
            notes.add(statement.place, f"unknown word {quoted(word)} after {quoted(statement.keyword)}")
    return Tracked(statement.place, statement.keyword, weight, tuple(words))


def script(statement: Statement, notes: Notes) -> Script | None:
    """The command of a script statement, whose first argument holds all its words, and the user and group after it."""
    if not statement.arguments:
        if statement.keyword != "notify_deleted":
            notes.add(statement.place, f"{quoted(statement.keyword)} misses its script")
        return None
    command = escaped_words(statement.arguments[0])
    if not command:
        notes.add(statement.place, f"the script of {quoted(statement.keyword)} has a quote that does not end")
        return None
    user, group = (*statement.arguments[1:3], None, None)[:2]
    if len(statement.arguments) > 3:
        notes.add(statement.place, f"{quoted(statement.keyword)} takes a script, a user and a group: put it in quotes")
    return Script(statement.place, command, user, group)


def names(statements: tuple[Statement, ...]) -> tuple[str, ...]:
    """Every word of a block of names."""
    return tuple(word for statement in statements for word in statement.words if word)


def misfit(place: Place, value: IPAddress, notes: Notes) -> None:
    """Notes that an address is of the other family than its instance."""
    other = 6 if value.version == 4 else 4
    notes.add(
        place, f"{value} is left out, as keepalived does: the instance is an IPv{other} one by what stands before"
    )
