"""The questions whose an address is: what is in them, and that they claim nothing."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from vrrpwatch.agent.auditing.asking import MAX_ASKED, TIMES, Asker, Question, frame
from vrrpwatch.wire.arp import decode_arp
from vrrpwatch.wire.checksum import internet_checksum, pseudo_header
from vrrpwatch.wire.link import dissect
from vrrpwatch.wire.nd import decode_nd
from vrrpwatch.wire.values import Ipv6, NeighbourSolicitation

MAC = "02:00:00:00:00:02"


def test_an_arp_probe_has_no_sender() -> None:
    octets = frame(Question("eth0", MAC, ip_address("192.0.2.100")))
    packet = dissect(octets, 1, len(octets))
    assert (packet.destination_mac, packet.source_mac, len(octets)) == ("ff:ff:ff:ff:ff:ff", MAC, 60)
    arp = decode_arp(packet.payload)
    assert arp is not None
    # RFC 5227 §2.1.1: the sender's address is zero, the target's the one in question.
    assert (arp.operation, arp.sender_mac, arp.sender_ip) == (1, MAC, IPv4Address(0))
    assert (arp.target_mac, arp.target_ip) == ("00:00:00:00:00:00", IPv4Address("192.0.2.100"))


def test_a_solicitation_comes_from_nowhere() -> None:
    octets = frame(Question("eth0", MAC, ip_address("2001:db8::12:3456")))
    packet = dissect(octets, 1, len(octets))
    network = packet.network
    assert isinstance(network, Ipv6)
    # RFC 4291 §2.7.1 and RFC 2464 §7, by hand.
    assert (str(network.source), str(network.destination)) == ("::", "ff02::1:ff12:3456")
    assert (packet.destination_mac, packet.source_mac, network.hop_limit) == ("33:33:ff:12:34:56", MAC, 255)
    # RFC 4862 §5.4.2: without a source link-layer address.
    assert decode_nd(packet.payload) == NeighbourSolicitation(IPv6Address("2001:db8::12:3456"), None)
    pseudo = pseudo_header(network.source, network.destination, len(packet.payload), 58)
    assert internet_checksum(pseudo + packet.payload) == 0


def test_hundreds_of_routers_ask_for_some_addresses_only() -> None:
    told: list[str] = []
    many = [Question("no such", MAC, IPv4Address(number)) for number in range(MAX_ASKED + 1)]
    asker = Asker([*many, *many], told.append)
    assert told == ["who answers for addresses is asked of 1,024 only, and 1,025 are configured"]
    # An interface that is not there is nobody's fault.
    for _ in range(TIMES * MAX_ASKED):
        asker.ask()
    asker.close()
