"""Loads the listed disagreements: how many each rule predicts, and packet by packet those that none does."""

import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("exceptions.toml")

# (capture, oracle, packet, field)
Key = tuple[str, str, int, str]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


def load() -> tuple[Counter[str], Counter[tuple[str, str]], dict[Key, str]]:
    """Packets compared by oracle, disagreements by oracle and rule, and the single ones with their reasons."""
    table = _table()
    compared = Counter({oracle: int(count) for oracle, count in table["compared"].items()})
    ruled = Counter({(rule["oracle"], rule["rule"]): int(rule["disagreements"]) for rule in table["rules"]})
    listed = {
        (entry["capture"], oracle, packet, field): str(entry["reason"])
        for entry in table["exceptions"]
        for oracle in entry["oracles"]
        for packet in numbers(entry["packets"])
        for field in entry["fields"]
    }
    return compared, ruled, listed


def numbers(text: str) -> list[int]:
    """Packet numbers written as ``1, 4-6``."""
    spans = (span.split("-") for span in text.split(","))
    return [number for span in spans for number in range(int(span[0]), int(span[-1]) + 1)]
