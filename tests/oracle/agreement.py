"""Compares what we, tcpdump and tshark say of one capture, packet by packet and field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.oracle import tcpdump_text, tshark_table
from vrrpwatch.capture.second_opinion_ours import OurPackets
from vrrpwatch.capture.second_opinion_reading import Reading
from vrrpwatch.capture.second_opinion_reasons import Heard, Reason, compare_readings

# By the ends of their files' names: as they are, told to read protocol 112 as CARP, and (tshark) CARP's packets alone.
ORACLES = {
    "tcpdump": "tcpdump-vvv.txt",
    "tcpdump -T carp": "tcpdump-Tcarp.txt",
    "tshark": "tshark.tsv",
    "tshark carp": "tshark-carp.tsv",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One disagreement; ``reason`` is ``None`` where no rule predicts it."""

    capture: str
    oracle: str
    packet: int
    field: str
    ours: object
    theirs: object
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one oracle says of one capture: its readings and the layers it names, by packet number."""

    readings: Mapping[int, Reading]
    layers: Mapping[int, tuple[str, ...]]


def captures(corpus: Path) -> list[str]:
    """Every capture of the corpus, by its path in there."""
    lines = (corpus / "INDEX.tsv").read_text().splitlines()[1:]
    return [line.split("\t", 1)[0] for line in lines]


def verdicts(corpus: Path, capture: str) -> dict[str, Verdicts]:
    """What each oracle says of ``capture``, where the corpus holds that."""
    said = {}
    for oracle, ending in ORACLES.items():
        path = corpus / "oracle" / f"{capture}.{ending}"
        if path.exists():
            # A password may hold any octet, a lone carriage return among them.
            text = path.read_bytes().decode(errors="surrogateescape")
            reader = tshark_table if ending.endswith(".tsv") else tcpdump_text
            said[oracle] = Verdicts(reader.readings(text), reader.layers(text))
    return said


def ours(corpus: Path, capture: str) -> dict[int, Heard]:
    """What we say of ``capture``, by the way that every command goes: reader, dissection, decoder."""
    return dict(OurPackets(str(corpus / capture)))


def compare(capture: str, mine: Mapping[int, Heard], said: Mapping[str, Verdicts]) -> Iterator[tuple[str, list[Found]]]:
    """For every oracle and every packet that it or we call VRRP or CARP, the disagreements."""
    for oracle, theirs in said.items():
        # The names of the layers stand in tshark's first table only.
        layers = theirs.layers or (said["tshark"].layers if oracle == "tshark carp" and "tshark" in said else {})
        for number in sorted(mine.keys() | theirs.readings.keys()):
            own, other = mine.get(number), theirs.readings.get(number)
            if oracle == "tshark carp" and other is None and own is not None and own.reading.protocol != "carp":
                continue
            yield (
                oracle,
                [
                    Found(capture, oracle, number, each.field, each.ours, each.theirs, each.reason)
                    for each in compare_readings(own, other, layers.get(number, ()))
                ],
            )
