"""FRR's VRRP configuration, as its manual shows it and as ``show running-config`` prints it."""

from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from vrrpwatch.declared import frr
from vrrpwatch.declared.frr import Defaults, Frr, Router, read_frr
from vrrpwatch.declared.notes import DeclaredError


def read(folder: Path, text: str) -> Frr:
    path = folder / "frr.conf"
    path.write_text(text)
    return read_frr(path)


def told(declared: Frr) -> list[str]:
    return [f"{note.line}: {note.text}" for note in declared.notes]


def test_a_running_configuration(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """frr version 8.4.4
frr defaults traditional
hostname alpha
log syslog informational
!
vrrp default priority 90
vrrp default advertisement-interval 500
!
interface eth0
 description to the lan
 ip address 10.0.0.1/24
 ipv6 address 2001:db8::1/64
 vrrp 5 version 2
 vrrp 5 priority 200
 vrrp 5 advertisement-interval 1500
 vrrp 5 ip 10.0.0.100
 vrrp 5 ip 10.0.0.101
 no vrrp 5 preempt
exit
!
interface eth1
 vrrp 6
 vrrp 6 ip 10.1.0.100
 vrrp 6 ipv6 fe80::6
 vrrp 6 checksum-with-ipv4-pseudoheader
 vrrp 7
 vrrp 7 shutdown
exit
!
router bgp 65000
 neighbor 10.0.0.9 remote-as 65001
exit
end
""",
    )
    assert declared.notes == ()
    assert declared.host == "alpha"
    assert declared.defaults == Defaults(priority=90, interval=0.5)
    assert declared.interfaces == {"eth0": (ip_interface("10.0.0.1/24"), ip_interface("2001:db8::1/64"))}
    five, six, seven = declared.routers
    assert (five.interface, five.id, five.version, five.priority, five.interval) == ("eth0", 5, 2, 200, 1.5)
    assert (five.preempt, five.addresses) == (False, (ip_address("10.0.0.100"), ip_address("10.0.0.101")))
    assert (six.version, six.priority, six.checksum_with_pseudoheader) == (3, None, True)
    assert six.addresses == (ip_address("10.1.0.100"), ip_address("fe80::6"))
    assert (seven.shutdown, seven.addresses) == (True, ())


def test_what_is_taken_back(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """vrrp default priority 90
no vrrp default priority
vrrp default shutdown
no vrrp default shutdown
interface eth0
 ip address 10.0.0.1/24
 ip address 10.0.0.2/24
 no ip address 10.0.0.1/24
 vrrp 5 priority 200
 no vrrp 5 priority
 vrrp 5 advertisement-interval 1019
 vrrp 5 ip 10.0.0.100
 vrrp 5 ip 10.0.0.101
 no vrrp 5 ip 10.0.0.100
 vrrp 6
 no vrrp 6
""",
    )
    assert declared.notes == ()
    assert declared.defaults == Defaults()
    assert declared.interfaces == {"eth0": (ip_interface("10.0.0.2/24"),)}
    place = declared.routers[0].place
    # FRR keeps hundredths of a second.
    assert declared.routers == (Router(place, "eth0", 5, interval=1.01, addresses=(ip_address("10.0.0.101"),)),)


def test_what_is_unknown_or_wrong_is_told(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """vrrp 5
vrrp autoconfigure version 3
vrrp default colour 3
interface eth0
 ip address nowhere
 vrrp 0
 vrrp 5 priority 255
 vrrp 5 advertisement-interval 5
 vrrp 5 ip fe80::1
 vrrp 5 colour red
ip forwarding
vrrp 9 ip 10.0.0.1
""",
    )
    assert told(declared) == [
        "1: 'vrrp 5' belongs to an interface: left out",
        "2: autoconfigure: virtual routers come from the host's interfaces, not from here",
        "3: unknown statement 'vrrp default colour 3'",
        "5: no address with its prefix: 'nowhere'",
        "6: unknown statement 'vrrp 0'",
        "7: takes 1 to 254, not '255'",
        "8: takes 10 to 40950, not '5'",
        "9: no IPv4 address: 'fe80::1'",
        "10: unknown statement 'vrrp 5 colour red'",
        "12: 'vrrp 9' belongs to an interface: left out",
    ]
    assert [(one.id, one.priority, one.interval, one.addresses) for one in declared.routers] == [(5, None, None, ())]


def test_more_virtual_routers_than_there_can_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frr, "MAX_ROUTERS", 2)
    with pytest.raises(DeclaredError, match=r"frr\.conf:4: more than 2 virtual routers$"):
        read(tmp_path, "interface eth0\n vrrp 1\n vrrp 2\n vrrp 3\n")
