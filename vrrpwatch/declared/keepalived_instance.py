"""A ``vrrp_instance`` statement as an :class:`Instance`: each keyword to its field, in the order of the file."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import SecretStr

from vrrpwatch.declared.keepalived_fields import (
    address,
    boolean,
    first,
    integer,
    misfit,
    multicast,
    script,
    seconds,
    tracked,
    unicast_peer,
    virtual_address,
)
from vrrpwatch.declared.keepalived_tree import Statement, canonical
from vrrpwatch.declared.keepalived_values import (
    Authentication,
    Garp,
    Instance,
    Script,
    Tracked,
    UnicastPeer,
    VirtualAddress,
    VirtualInterface,
)
from vrrpwatch.declared.keepalived_words import words
from vrrpwatch.declared.notes import Notes, quoted
from vrrpwatch.wire.values import IPAddress

_TIMER_MAX: Final = 2**32 / 1e6
_FLAGS: Final = frozenset(
    {
        "vmac_xmit_base",
        "dont_track_primary",
        "native_ipv6",
        "track_src_ip",
        "unicast_fault_no_peer",
        "promote_secondaries",
    }
)
_BOOLEANS: Final = {
    "check_unicast_src": "check_unicast_src",
    "lower_prio_no_advert": "lower_prio_no_advert",
    "higher_prio_send_advert": "higher_prio_send_advert",
    "strict_mode": "strict",
    "skip_check_adv_addr": "skip_check_adv_addr",
    "v3_checksum_as_v2": "v3_checksum_as_v2",
    "smtp_alert": "smtp_alert",
}
_INTEGERS: Final = {
    "virtual_router_id": (1, 255),
    "priority": (1, 255),
    "version": (2, 3),
    "unicast_ttl": (0, 255),
    "down_timer_adverts": (1, 100),
}
# vrrp_adv_handler: a hundredth of a second to 255 s; vrrp_preempt_delay_handler: 0 to 1000 s.
_TIMES: Final = {"advert_int": (0.01, 255.0), "preempt_delay": (0.0, 1000.0)}
_TEXTS: Final = frozenset({"interface", "vrf"})
_EVENTS: Final = ("master", "backup", "fault", "stop", "deleted", "master_rx_lower_pri")
_NOTIFY: Final = frozenset({"notify", *(f"notify_{event}" for event in _EVENTS)})
_GARP: Final[dict[str, Callable[[Statement, Notes], float | None]]] = {
    "master_delay": lambda statement, notes: seconds(statement, notes, 0, _TIMER_MAX),
    "master_repeat": lambda statement, notes: integer(statement, notes, 0, 2**32 - 1),
    "master_refresh": lambda statement, notes: seconds(statement, notes, 0, 2**32 - 1),
    "master_refresh_repeat": lambda statement, notes: integer(statement, notes, 0, 2**32 - 1),
    "lower_prio_delay": lambda statement, notes: seconds(statement, notes, 0, _TIMER_MAX),
    "lower_prio_repeat": lambda statement, notes: integer(statement, notes, 0, 2**32 - 1),
}


def garp(statement: Statement, prefix: str, known: Garp, notes: Notes) -> Garp | None:
    """``known`` with what a ``garp_…`` statement says; ``None`` for any other statement."""
    keyword = canonical(statement.keyword)
    field = keyword.removeprefix(prefix)
    if keyword == field:
        return None
    if field == "extra_if":
        every = statement.arguments[:1] == ("all",)
        words = (statement.keyword, *statement.arguments[1:]) if every else statement.words
        # Up to a day (keepalived.conf(5)).
        delay = seconds(statement._replace(words=words), notes, 0, 86_400)
        return known if delay is None else known._replace(extra_if=delay, extra_if_all=every)
    parse = _GARP.get(field)
    if parse is None:
        return None
    value: Any = parse(statement, notes)
    return known if value is None else known._replace(**{field: value})


def notified(statement: Statement, notes: Notes) -> tuple[str, Script] | None:
    """What a ``notify…`` statement runs, by its keyword."""
    if statement.keyword not in _NOTIFY:
        return None
    found = script(statement, notes)
    return None if found is None else (statement.keyword, found)


def tracks(statement: Statement, notes: Notes) -> tuple[str, tuple[Tracked, ...]] | None:
    """What a ``track_…`` block follows, by its keyword."""
    if not statement.keyword.startswith("track_") or statement.block is None:
        return None
    return statement.keyword, tuple(tracked(line, notes) for line in statement.block)


class InstanceReader:
    """Reads one instance; the first address of any kind decides its family, as keepalived decides it."""

    def __init__(self, statement: Statement, name: str, notes: Notes) -> None:
        self._statement = statement
        self._name = name
        self._notes = notes
        self._values: dict[str, Any] = {"family": None, "garp": Garp(), "notify": {}, "tracks": {}}

    def read(self) -> Instance:
        for statement in self._statement.inner:
            self._take(statement)
        return Instance(self._statement.place, self._name, self._statement, **self._values)

    def _take(self, statement: Statement) -> None:
        keyword = canonical(statement.keyword)
        notes, values = self._notes, self._values
        if keyword in _FLAGS:
            values[keyword] = True
        elif keyword in _BOOLEANS:
            self._set(_BOOLEANS[keyword], boolean(statement, notes))
        elif keyword in _INTEGERS:
            self._integer(keyword, statement)
        elif keyword in _TIMES:
            self._set(keyword, seconds(statement, notes, *_TIMES[keyword]))
        elif keyword in _TEXTS:
            self._set(keyword, first(statement, notes))
        elif (timing := garp(statement, "garp_", values["garp"], notes)) is not None:
            values["garp"] = timing
        elif (notice := notified(statement, notes)) is not None:
            values["notify"][notice[0]] = notice[1]
        elif (followed := tracks(statement, notes)) is not None:
            kind, items = followed
            values["tracks"][kind] = (*values["tracks"].get(kind, ()), *items)
        else:
            self._take_other(keyword, statement)
        if keyword == "native_ipv6" and values["family"] is None:
            values["family"] = 6

    def _take_other(self, keyword: str, statement: Statement) -> None:
        values, notes = self._values, self._notes
        match keyword:
            case "state":
                self._state(statement)
            case "accept" | "no_accept":
                values["accept"] = keyword == "accept"
            case "preempt" | "nopreempt":
                values["preempt"] = keyword == "preempt"
            case "use_vmac" | "use_ipvlan":
                values["virtual_interface"] = _virtual_interface(statement, notes)
            case "mcast_src_ip" | "unicast_src_ip":
                self._set(keyword, self._fitting(statement, address(statement, notes)))
            case "mcast_dst_ip":
                self._set(keyword, self._fitting(statement, multicast(statement, notes, None)))
            case "unicast_peer":
                self._peers(statement)
            case "virtual_ipaddress":
                self._addresses(statement)
            case "virtual_ipaddress_excluded":
                self._append("excluded", _excluded(statement, notes))
            case "virtual_routes" | "virtual_rules":
                self._append(keyword.removeprefix("virtual_"), statement.inner)
            case "authentication" | "auth_hmac":
                # auth_hmac supersedes the other, whichever comes first (vrrp.c, vrrp_complete_instance).
                known = values.get("authentication")
                if known is None or known.kind != "HMAC":
                    values["authentication"] = _authentication(statement, notes)
            case "old_unicast_checksum":
                values["old_unicast_checksum"] = " ".join(statement.arguments)

    def _set(self, field: str, value: object) -> None:
        if value is not None:
            self._values[field] = value

    def _integer(self, keyword: str, statement: Statement) -> None:
        value = integer(statement, self._notes, *_INTEGERS[keyword])
        if keyword == "version" and value is not None:
            known = 3 if self._values["family"] == 6 else self._values.get("version", value)
            if value != known:
                self._notes.add(statement.place, f"it is an instance of version {known} already: left out")
                return
        self._set(keyword, value)

    def _append(self, field: str, items: tuple[Any, ...]) -> None:
        self._values[field] = (*self._values.get(field, ()), *items)

    def _state(self, statement: Statement) -> None:
        text = first(statement, self._notes)
        if text is None:
            return
        if text not in ("MASTER", "BACKUP"):
            self._notes.add(statement.place, f"'state' takes MASTER or BACKUP, not {quoted(text)}: it means BACKUP")
            text = "BACKUP"
        elif self._values.get("state") == "MASTER" and text == "BACKUP":
            self._notes.add(statement.place, "'state' is MASTER already: left out, as keepalived does")
            return
        self._values["state"] = text

    def _fitting(self, statement: Statement, value: IPAddress | None) -> IPAddress | None:
        """``value`` where the instance is or becomes one of its family."""
        if value is None:
            return None
        if self._values["family"] is None:
            self._values["family"] = value.version
        if self._values["family"] != value.version:
            misfit(statement.place, value, self._notes)
            return None
        return value

    def _peers(self, statement: Statement) -> None:
        found = (unicast_peer(line, self._notes) for line in statement.inner)
        kept = tuple(peer for peer in found if peer and self._fitting(self._line(peer), peer.address))
        self._append("unicast_peers", kept)

    def _addresses(self, statement: Statement) -> None:
        found = (virtual_address(line, self._notes) for line in statement.inner)
        kept = tuple(one for one in found if one and self._fitting(self._line(one), one.address))
        self._append("addresses", kept)

    @staticmethod
    def _line(value: VirtualAddress | UnicastPeer) -> Statement:
        return Statement(value.place, (str(value.address),), "")


def _excluded(statement: Statement, notes: Notes) -> tuple[VirtualAddress, ...]:
    found = (virtual_address(line, notes) for line in statement.inner)
    return tuple(one for one in found if one)


def _virtual_interface(statement: Statement, notes: Notes) -> VirtualInterface:
    """``use_vmac`` with name and MAC, or ``use_ipvlan`` with name, address and mode, in any order."""
    kind = "vmac" if statement.keyword == "use_vmac" else "ipvlan"
    name = mac = None
    options: list[str] = []
    words = iter(statement.arguments)
    for word in words:
        if word in ("name", "group"):
            value = next(words, "")
            if word == "name":
                name = value
            else:
                options += [word, value]
        elif kind == "vmac" and ":" in word:
            mac = word.lower()
        elif word in ("netlink_notify_msg", "bridge", "private", "vepa"):
            options.append(word)
        elif kind == "ipvlan" and ("." in word or ":" in word):
            # Its address; a name of a macvlan may hold dots.
            options.append(word)
        elif name is None:
            name = word
        else:
            notes.add(statement.place, f"{quoted(statement.keyword)} does not take {quoted(word)}")
    return VirtualInterface(statement.place, "vmac" if kind == "vmac" else "ipvlan", name, mac, tuple(options))


def _authentication(statement: Statement, notes: Notes) -> Authentication:
    if statement.keyword == "auth_hmac":
        return Authentication(statement.place, "HMAC")
    found = Authentication(statement.place, None)
    for inner in statement.inner:
        if inner.keyword == "auth_type":
            text = first(inner, notes)
            if text in ("PASS", "AH"):
                found = found._replace(kind="AH" if text == "AH" else "PASS")
            elif text is not None:
                notes.add(inner.place, f"'auth_type' takes PASS or AH, not {quoted(text)}")
        elif inner.keyword == "auth_pass":
            found = found._replace(password=_password(inner))
    return found


def _password(statement: Statement) -> SecretStr | None:
    """The first eight octets of the first word: what the field of an advertisement holds (RFC 2338 §5.3.10)."""
    said = words("" if statement.secret is None else statement.secret.get_secret_value())[0]
    if len(said) < 2 or not said[1]:
        return None
    return SecretStr(said[1].encode("utf-8", "surrogateescape")[:8].decode("utf-8", "surrogateescape"))
