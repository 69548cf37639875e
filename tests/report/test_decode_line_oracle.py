"""Every line that decode prints of the corpus holds, word for word, what tcpdump prints of the same packet."""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.oracle.tcpdump_text import records
from vrrpwatch.capture.errors import CaptureError, DamagedError
from vrrpwatch.capture.session import Decoded, Options, decode
from vrrpwatch.report.decode_line import decode_line
from vrrpwatch.wire.values import Carp, Vrrp

# What tcpdump says more or less of on purpose: the length of AH, and its own opinion on checksums.
_AH_LENGTH = re.compile(r"AH\(length=\d+\(\d+-bytes\),")
_CHECKSUM = re.compile(r",? *\(bad (vrrp|carp) cksum [0-9a-f]+!?\),? *")


def normal(text: str) -> str:
    text = _CHECKSUM.sub(" ", _AH_LENGTH.sub("AH(", text))
    return " ".join(text.replace(", addrs", " addrs").split())


def read(path: Path) -> list[Decoded]:
    found: list[Decoded] = []
    # Damaged captures are in the corpus for the readers' tests.
    with suppress(CaptureError, DamagedError):
        for packet in decode([str(path)], Options()):
            found.append(packet)  # noqa: PERF402  # what came before the damage counts
    return found


def wanted(packet: Decoded) -> str | None:
    """The line from the source address on; ``None`` for what tcpdump cannot show."""
    match packet.message:
        case Vrrp(complete=True, trailer=None) | Carp(complete=True, demotion=0):
            line = decode_line(packet.at, packet.frame, packet.message, checksum=packet.checksum, style=1, reveal=True)
            return normal(line.split(" ", 1)[1])
    return None


def test_lines_agree_with_tcpdump(corpus: Path) -> None:
    compared: Counter[str] = Counter()
    different = []
    for kind, suffix in ((Vrrp, ".tcpdump-vvv.txt"), (Carp, ".tcpdump-Tcarp.txt")):
        for text in sorted((corpus / "oracle").rglob(f"*{suffix}")):
            name = str(text.relative_to(corpus / "oracle")).removesuffix(suffix)
            if not (corpus / name).is_file():
                continue
            said = {number: normal(record) for number, record in records(text.read_text("utf-8", "replace"))}
            for packet in read(corpus / name):
                line = wanted(packet) if isinstance(packet.message, kind) else None
                if line is None or packet.packet not in said:
                    continue
                compared[kind.__name__] += 1
                if line not in said[packet.packet]:
                    different.append(f"{name} {packet.packet}: {line!r} is not in {said[packet.packet]!r}")
    assert different == []
    assert compared["Vrrp"] > 1_000
    assert compared["Carp"] > 100
