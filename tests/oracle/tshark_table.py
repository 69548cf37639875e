"""Reads the field tables that ``tshark -T fields`` printed back into readings, by packet number."""

from collections.abc import Iterator, Mapping

from vrrpwatch.capture.second_opinion_reading import Reading, tshark_reading


def rows(text: str) -> Iterator[tuple[int, Mapping[str, list[str]]]]:
    """Every row: its packet number and its fields that are not empty, each as often as it occurs."""
    lines = text.split("\n")
    names = lines[0].split("\t")
    for line in lines[1:]:
        values = dict(zip(names, line.split("\t"), strict=False))
        if values.get("frame.number"):
            yield int(values["frame.number"]), {name: value.split(",") for name, value in values.items() if value}


def readings(text: str) -> dict[int, Reading]:
    """What tshark says of every packet that it calls VRRP or CARP; a table of CARP alone names no protocols."""
    found = {}
    for number, values in rows(text):
        layers = values["frame.protocols"][0].split(":") if "frame.protocols" in values else ["carp"]
        reading = tshark_reading(layers, values)
        if reading is not None:
            found[number] = reading
    return found


def layers(text: str) -> dict[int, tuple[str, ...]]:
    """The protocols that tshark names in every packet, outermost first."""
    named = ((number, values.get("frame.protocols")) for number, values in rows(text))
    return {number: tuple(protocols[0].split(":")) for number, protocols in named if protocols}
