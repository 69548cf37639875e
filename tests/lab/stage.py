"""What a scenario works with: the lab, one recording, and the usual hosts; and the register of scenarios."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.network import Host, Lab
from tests.lab.recorder import Recording

ALPHA, BRAVO, CHARLIE, DELTA, CLIENT = 11, 12, 13, 14, 99
# The virtual addresses: two of the LAN, as a gateway and a service would have.
GATEWAY, SERVICE = "192.0.2.1", "192.0.2.2"


def address(number: int) -> str:
    return f"192.0.2.{number}"


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02d}"


@dataclass(slots=True)
class Stage:
    """One scenario's surroundings; the file to record to is ``path``."""

    lab: Lab
    path: Path

    def lan(self, *, client: bool = True) -> Recording:
        """The one bridge most scenarios play on, recorded from before anything happens there."""
        self.lab.bridge("lan")
        recording = Recording(self.lab, self.path, ["lan"])
        if client:
            self.lab.host("client", CLIENT)
        return recording

    def router(self, name: str, number: int, *, ipv6: bool = False, client: str = "client") -> Host:
        """A host that the client has talked to, as any host has been before it routes: its ARP entry is on the wire."""
        host = self.lab.host(name, number, ipv6=ipv6)
        self.lab.hosts[client].do("ping", "-q", "-c", "1", "-W", "2", address(number))
        return host


@dataclass(frozen=True, slots=True)
class Scenario:
    """``play`` records to the stage's path; ``guest`` says that it needs a kernel with VLAN devices."""

    name: str
    suffix: str
    programs: tuple[str, ...]
    play: Callable[[Stage], None]
    guest: bool = False

    def record(self, folder: Path) -> Path:
        """Plays the scenario in a lab of its own and returns the capture it made in ``folder``."""
        path = folder / f"{self.name}{self.suffix}"
        with Lab() as lab:
            own = lab.folder / path.name
            self.play(Stage(lab, own))
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(own.read_bytes())
        return path


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *programs: str, suffix: str = ".pcap", guest: bool = False
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Registers a scenario under its function's name, with hyphens; ``programs`` are what it starts."""

    def register(play: Callable[[Stage], None]) -> Callable[[Stage], None]:
        name = play.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, suffix, programs, play, guest)
        return play

    return register
