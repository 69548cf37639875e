"""The privacy mask: addresses and names replaced by numbered stand-ins, the same one for the same thing every time."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from vrrpwatch.wire.text import safe_text
from vrrpwatch.wire.values import IPAddress, Mac

# Each name costs a pattern in every text; who shows more segments than these sees them all as one.
MAX_NAMES: Final = 10_000
# Forgeable sources give any number of addresses: beyond these all look alike.
MAX_ADDRESSES: Final = 100_000

_MAC = r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})"
_ADDRESS = re.compile(
    rf"(?<![\w:.])(?P<mac>{_MAC})(?![\w:])|(?<![\w:.])(?P<six>{_IPV6})(?![\w:])|(?<![\w.])(?P<four>{_IPV4})(?!\w)"
)


class Mask:
    """Hides who and where while ``on``; multicast addresses of the protocols tell no secret and stay."""

    def __init__(self) -> None:
        self.on = False
        self._stands_for: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._names: re.Pattern[str] | None = None
        self._known: set[str] = set()

    def ip(self, address: IPAddress | None) -> str:
        """An address as it is shown; a dash for none."""
        if address is None:
            return "-"
        return self._address(str(address)) if self.on else str(address)

    def mac(self, mac: Mac | None) -> str:
        """A hardware address as it is shown; a dash for none."""
        if mac is None:
            return "-"
        return self._mac(mac.lower()) if self.on else safe_text(mac)

    def name(self, segment: str) -> str:
        """A segment's, interface's or sensor's name as it is shown."""
        if not self.on or not segment:
            return safe_text(segment)
        self.learn((segment,))
        return self._hidden("seg", segment)

    def learn(self, names: Iterable[str]) -> None:
        """Names that sentences may hold, so that :meth:`text` finds them."""
        fresh = {part for name in names for part in (name, name.partition("/")[0]) if part} - self._known
        if fresh and len(self._known) + len(fresh) <= MAX_NAMES:
            self._known |= fresh
            longest = sorted(self._known, key=lambda name: (-len(name), name))
            # Sentences carry names as safe text, which may differ from the name.
            options = "|".join(re.escape(safe_text(name)) for name in longest)
            self._names = re.compile(rf"(?<!\w)(?:{options})(?!\w)")

    def text(self, text: str) -> str:
        """A sentence as it is shown, its addresses and known names hidden."""
        shown = safe_text(text, limit=2000)
        if not self.on:
            return shown
        shown = _ADDRESS.sub(self._found, shown)
        if self._names is not None:
            shown = self._names.sub(lambda match: self._hidden("seg", match.group()), shown)
        return shown

    def _found(self, match: re.Match[str]) -> str:
        if match.lastgroup == "mac":
            return self._mac(match.group().lower().replace("-", ":"))
        return self._address(match.group())

    def _mac(self, mac: str) -> str:
        # The group bit (IEEE 802, clause 8.2.2): broadcast and multicast belong to no host.
        if mac[1:2] in "13579bdf":
            return safe_text(mac)
        return self._hidden("MAC", mac)

    def _address(self, text: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            # A time of day looks like one too.
            return text
        if address.is_multicast or address.is_unspecified:
            return text
        return self._hidden(f"IPv{address.version}", str(address))

    def _hidden(self, kind: str, real: str) -> str:
        found = self._stands_for.get((kind, real))
        if found is None:
            if len(self._stands_for) >= MAX_ADDRESSES:
                return f"{kind}-?"
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            found = self._stands_for[kind, real] = f"{kind}-{self._numbers[kind]}"
        return found
