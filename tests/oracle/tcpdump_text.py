"""Reads what ``tcpdump -# -e -n -tttt -vvv`` printed of VRRP and CARP back into readings, by packet number."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from vrrpwatch.capture.second_opinion_reading import Reading, Verdict

_RECORD = re.compile(r"^ *(\d+)  (?=\d{4}-\d\d-\d\d )", re.MULTILINE)
_ADVERT = re.compile(
    r"VRRPv(?P<version>\d+), (?:Advertisement|unknown type \((?P<type>\d+)\))"
    r"(?:, \(ttl \d+\))?"
    r"(?:, vrid (?P<id>\d+), prio (?P<priority>\d+)"
    r"(?:, authtype (?P<auth_type>none|simple|ah|#\d+))?"
    r", intvl (?P<interval>\d+)(?P<unit>c?s), length (?P<length>\d+)"
    r"(?P<bad>, \(bad vrrp cksum (?P<sum>[0-9a-f]+)\))?"
    r"(?:, addrs(?:\((?P<count>\d+)\))?:(?: (?P<addresses>[0-9a-f.:,]+))?"
    r"(?: auth \"(?P<auth>.*?)(?:\"(?= *$)| (?=\[\|vrrp\])))?)?)?",
    re.MULTILINE,
)
_CARP = re.compile(
    r"CARPv(?P<version>\d+)-(?P<type>advertise|unknown) (?P<length>\d+): (?:\[ttl=\d+!\] )?"
    r"(?:vhid=(?P<id>\d+) advbase=(?P<advbase>\d+) advskew=(?P<advskew>\d+) authlen=(?P<authlen>\d+) +"
    r"(?P<bad>\(bad carp cksum (?P<sum>[0-9a-f]+)!\))?(?:counter=(?P<counter>\d+))?)?"
)
_ENDS = re.compile(r"([0-9a-f.:]+) > ([0-9a-f.:]+): (?:AH\(|VRRPv|CARPv|\[\|)")
_TTL = re.compile(r"\b(?:ttl|hlim) (\d+)[,)]")
_VLAN = re.compile(r"\bvlan (\d+), p ")
_AH = re.compile(r"AH\(length=\d+\(\d+-bytes\),spi=0x([0-9a-f]+),(?:seq=0x([0-9a-f]+),icv=0x([0-9a-f]*)\))?")
_AUTH_TYPES = {"none": 0, "simple": 1, "ah": 2}


def records(text: str) -> Iterator[tuple[int, str]]:
    """Every packet of the output: its number and all that was printed of it."""
    starts = list(_RECORD.finditer(text))
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(text)
        yield int(start[1]), text[start.end() : end].split("\n#STDERR", 1)[0]


def readings(text: str) -> dict[int, Reading]:
    """What tcpdump says of every packet that it calls VRRP or CARP."""
    found = {}
    for number, record in records(text):
        reading = read(record)
        if reading is not None:
            found[number] = reading
    return found


def read(record: str) -> Reading | None:
    """One packet's text; ``None`` where tcpdump calls it neither VRRP nor CARP."""
    advert, carp = _ADVERT.search(record), _CARP.search(record)
    said = advert or carp
    if said is None:
        return None
    below = record[: said.start()]
    ends = list(_ENDS.finditer(record, 0, said.end()))[-1]
    ttl = [int(found[1]) for found in _TTL.finditer(below)][-1]
    seal = _AH.search(below)
    frame = {
        "source": ip_address(ends[1]),
        "destination": ip_address(ends[2]),
        "ttl": ttl,
        # VID 0 is a priority tag, which names no VLAN (IEEE 802.1Q §9.6).
        "vlans": tuple(vid for vid in map(int, _VLAN.findall(below)) if vid) or None,
        "spi": int(seal[1], 16) if seal else None,
        "sequence": int(seal[2], 16) if seal and seal[2] else None,
        "icv": seal[3] if seal and seal[3] is not None else None,
        "version": int(said["version"]),
        "id": _number(said["id"]),
        "length": _number(said["length"]),
        "checksum": _verdict(said, record),
        "checksum_value": int(said["sum"], 16) if said["sum"] else None,
    }
    body: dict[str, object]
    if carp:
        body = {
            "protocol": "carp",
            "type": 1 if carp["type"] == "advertise" else None,
            "advbase": _number(carp["advbase"]),
            "advskew": _number(carp["advskew"]),
            "authlen": _number(carp["authlen"]),
            "counter": _number(carp["counter"]),
        }
    else:
        assert advert is not None
        body = _vrrp(advert, "[|vrrp]" in record)
    return Reading(**(frame | body))  # type: ignore[arg-type]  # the keys are the fields, each of its own type


def _vrrp(said: re.Match[str], cut: bool) -> dict[str, object]:
    kind = said["auth_type"]
    listed = ", addrs" in said[0]
    addresses = tuple(map(ip_address, said["addresses"].split(","))) if said["addresses"] else () if listed else None
    interval = _number(said["interval"])
    return {
        "protocol": "vrrp",
        "type": int(said["type"]) if said["type"] else 1,
        "priority": _number(said["priority"]),
        # None and one go without their count; one that is cut off shows no address either.
        "count": None if not listed else int(said["count"]) if said["count"] else int(bool(addresses) or cut),
        "auth_type": None if kind is None else _AUTH_TYPES[kind] if kind in _AUTH_TYPES else int(kind[1:]),
        "auth": said["auth"],
        "interval": None if interval is None else interval / 100 if said["unit"] == "cs" else float(interval),
        "addresses": tuple(map(ip_address, said["addresses"].split(",")))
        if said["addresses"]
        else ()
        if listed
        else None,
    }


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _verdict(said: re.Match[str], record: str) -> Verdict | None:
    if said["bad"]:
        return "bad"
    # tcpdump is silent of a good checksum, and of one that it could not compute for want of bytes.
    return None if said["id"] is None or "[|" in record[said.start() :] else "good"


# What tcpdump prints of the headers that can carry a whole packet, and Wireshark's names of them.
_TUNNELS = {"GREv": "gre", "VXLAN,": "vxlan"}


def layers(text: str) -> dict[int, tuple[str, ...]]:
    """The tunnels that tcpdump names in every packet; it has no names for plain layers."""
    return {
        number: ("eth", *(name for printed, name in _TUNNELS.items() if printed in record))
        for number, record in records(text)
        if any(printed in record for printed in _TUNNELS)
    }
