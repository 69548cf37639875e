"""Rules files that a person wants to run: whose tool they are for, what they hold, and that all of it is ours."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from vrrpwatch.firewall.apply_nft import read_json, read_text
from vrrpwatch.firewall.apply_xtables import read_saved_rules
from vrrpwatch.firewall.proof_rules import MAX_OCTETS, read_rules
from vrrpwatch.firewall.replay_session import ProofError
from vrrpwatch.firewall.running import Load
from vrrpwatch.firewall.running_tools import Place, RefusedError


class RulesFile(NamedTuple):
    """A file: its name, the SHA-256 of its octets in hexadecimal, and the places that its rules are for."""

    name: str
    digest: str
    places: tuple[Place, ...]


class Wanted(NamedTuple):
    """What is to run, and the files that say so; each place is in one file only.

    All text is one load, and all JSON: what nft takes in one form is one transaction.
    """

    files: tuple[RulesFile, ...]
    loads: tuple[Load, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(place for load in self.loads for place in load.rules)

    @property
    def rules(self) -> Mapping[Place, str]:
        return {place: text for load in self.loads for place, text in load.rules.items()}


def read_files(paths: Sequence[Path]) -> Wanted:
    """Reads the files; raises :class:`RefusedError` for what is not taken, ``OSError`` for what cannot be read."""
    files: list[RulesFile] = []
    loads: list[Load] = []
    for path in paths:
        data = _octets(path)
        load = _load(str(path), data)
        taken = {place: file.name for file in files for place in file.places}
        for place in load.rules:
            if place in taken:
                raise RefusedError(f"{path}: has rules for {place}, and so has {taken[place]}: give one of them")
        files.append(RulesFile(str(path), sha256(data).hexdigest(), tuple(load.rules)))
        loads.append(load)
    return Wanted(tuple(files), tuple(_together(loads)))


def _together(loads: Sequence[Load]) -> Iterator[Load]:
    text = [load for load in loads if load.json is None]
    commands = [load for load in loads if load.json is not None]
    if text:
        yield Load({place: said for load in text for place, said in load.rules.items()})
    if commands:
        places = {place: said for load in commands for place, said in load.rules.items()}
        yield Load(places, tuple(command for load in commands for command in load.json or ()))


def _octets(path: Path) -> bytes:
    if not path.is_file():
        # A pipe or a device would be read when nobody looks, or never end.
        path.stat()
        raise RefusedError(f"{path}: is no file")
    with path.open("rb") as file:
        return file.read(MAX_OCTETS + 1)


def _load(name: str, data: bytes) -> Load:
    try:
        rules = read_rules(name, data)
    except ProofError as error:
        raise RefusedError(str(error)) from None
    match rules.tool:
        case "nft":
            return read_text(name, rules.text)
        case "nft-json":
            return read_json(name, rules.text)
        case tool:
            return Load({tool: read_saved_rules(name, rules.text, tool).stored})
