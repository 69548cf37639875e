"""A segment on which ARP and neighbour discovery are heard, and adverts: a script that is played line by line."""

from ipaddress import IPv4Address, IPv6Address

from tests.core.builders import SEGMENT, VIP, instant, mac_of
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Advert, Evidence, Finding
from vrrpwatch.core.neighbours import Neighbours
from vrrpwatch.wire.values import Arp, Ipv6, NeighbourAdvertisement, NeighbourSolicitation, Packet

# Who asks, wherever it does not matter.
ASKER = "10.0.0.66"


class Play:
    """A script: every line says when, who and what; packets are numbered from 1 in the order they are played."""

    def __init__(self) -> None:
        self.findings = Findings()
        self.neighbours = Neighbours(self.findings)
        self.now = 0.0
        self.packet = 0

    def at(self, seconds: float) -> "Play":
        self.now = seconds
        self.packet += 1
        return self

    @property
    def evidence(self) -> Evidence:
        return Evidence(0, self.packet)

    def garp(self, mac: str, ip: str = VIP, operation: int = 1) -> None:
        address = IPv4Address(ip)
        self._arp(mac, Arp(operation, mac, address, "00:00:00:00:00:00", address))

    def reply(self, mac: str, ip: str = VIP) -> None:
        self._arp(mac, Arp(2, mac, IPv4Address(ip), mac_of(ASKER), IPv4Address(ASKER)))

    def request(self, mac: str, ip: str, target: str = "10.0.0.254") -> None:
        self._arp(mac, Arp(1, mac, IPv4Address(ip), "00:00:00:00:00:00", IPv4Address(target)))

    def _arp(self, mac: str, arp: Arp) -> None:
        self.neighbours.arp(SEGMENT, instant(self.now), self.evidence, mac, arp)

    def na(self, mac: str, target: str, *, solicited: bool = False, hop_limit: int = 255) -> None:
        message = NeighbourAdvertisement(IPv6Address(target), False, solicited, True, mac)
        self._nd(mac, target, hop_limit, message)

    def ns(self, mac: str, source: str, target: str) -> None:
        self._nd(mac, source, 255, NeighbourSolicitation(IPv6Address(target), mac))

    def _nd(
        self, mac: str, source: str, hop_limit: int, message: NeighbourAdvertisement | NeighbourSolicitation
    ) -> None:
        header = Ipv6(IPv6Address(source), IPv6Address("ff02::1"), hop_limit, 0, 0, 32, 58, (), False, 0)
        packet = Packet(linktype=1, source_mac=mac, network=header)
        self.neighbours.neighbour(SEGMENT, instant(self.now), self.evidence, packet, message)

    def advertises(self, advert: Advert) -> None:
        self.neighbours.advertised(advert, instant(self.now))

    def appears(self, advert: Advert) -> None:
        self.advertises(advert)
        self.neighbours.mastered(advert.group, advert, instant(self.now), self.evidence, False)

    def takes_over(self, advert: Advert) -> None:
        self.advertises(advert)
        self.neighbours.mastered(advert.group, advert, instant(self.now), self.evidence, True)

    def end(self, seconds: float) -> dict[str, list[Finding]]:
        """The findings by rule."""
        self.neighbours.finish(instant(seconds))
        found: dict[str, list[Finding]] = {}
        for finding in self.findings.all():
            found.setdefault(finding.rule, []).append(finding)
        return found
