"""conntrackd.conf: Debian's own files, the links of state synchronisation, and what is wrong."""

import gzip
from ipaddress import ip_address
from pathlib import Path

import pytest

from vrrpwatch.declared.conntrackd import Conntrackd, read_conntrackd
from vrrpwatch.declared.notes import DeclaredError

EXAMPLES = Path("/usr/share/doc/conntrackd/examples")
FILES = [*sorted(EXAMPLES.rglob("conntrackd.conf*")), Path("/etc/conntrackd/conntrackd.conf")]


def read(folder: Path, text: str) -> Conntrackd:
    path = folder / "conntrackd.conf"
    path.write_text(text)
    return read_conntrackd(path, host="alpha")


def told(declared: Conntrackd) -> list[str]:
    return [f"{note.line}: {note.text}" for note in declared.notes]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_debians_files_are_read_whole(path: Path, tmp_path: Path) -> None:
    if not path.is_file():
        pytest.skip("conntrackd is not installed")
    data = path.read_bytes()
    unpacked = tmp_path / "conntrackd.conf"
    unpacked.write_bytes(gzip.decompress(data) if path.suffix == ".gz" else data)
    declared = read_conntrackd(unpacked)
    assert declared.notes == ()
    mode = path.parent.name.upper()
    if mode in ("FTFW", "ALARM", "NOTRACK"):
        assert declared.mode == mode
        (channel,) = declared.channels
        assert (channel.transport, channel.address, channel.port) == ("Multicast", ip_address("225.0.0.50"), 3780)
        assert (channel.source, channel.interface) == (ip_address("192.168.100.100"), "eth2")


def test_links_of_every_transport(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """
        Sync {
            Mode NOTRACK { DisableExternalCache On }
            Multicast { IPv4_address 225.0.0.51 Group 3781
                IPv4_interface 10.9.0.1 Interface eth1 }
            Multicast Default
            {
                IPv6_address ff02::51
                Interface "eth2"
                Group 3782 # the other
                SndSocketBuffer 1249280
                Checksum off
            }
            UDP {
                IPv4_address 10.9.0.1
                IPv4_Destination_Address 10.9.0.2
                Port 3790
                Interface eth3
            }
            UDP {
                IPv6_address fe80::1%eth4
                IPv6_Destionation_Address fe80::2
            }
            TCP { IPv4_address 10.9.0.1 }
        }
        """,
    )
    assert declared.notes == ()
    assert declared.mode == "NOTRACK"
    four, six, udp, udp6, tcp = declared.channels
    assert (four.address, four.port, four.source) == (ip_address("225.0.0.51"), 3781, ip_address("10.9.0.1"))
    assert (four.interface, four.default, four.checksum) == ("eth1", False, None)
    assert (six.address, six.interface, six.port, six.default) == (ip_address("ff02::51"), "eth2", 3782, True)
    assert six.checksum is False
    assert (udp.address, udp.destination, udp.port) == (ip_address("10.9.0.1"), ip_address("10.9.0.2"), 3790)
    assert (udp6.address, udp6.destination) == (ip_address("fe80::1"), ip_address("fe80::2"))
    assert tcp.transport == "TCP"


def test_what_is_unknown_or_wrong_is_told(tmp_path: Path) -> None:
    declared = read(
        tmp_path,
        """Sync {
    Mode FTWF { }
    Mode FTFW { }
    Multicast Defaults {
        IPv4_address 10.0.0.1
        Group 0
        Nonsense 1
        IPv6_interface 10.0.0.1
        Interface
    }
    Foo bar
    }
}
Syncs { }
General { Hash 1 }
Stats { "x
{
""",
    )
    assert told(declared) == [
        "13: a } that closes nothing",
        '16: a " without another',
        "17: a { that nothing stands before",
        "16: the section is not closed: a } is missing",
        "17: the section is not closed: a } is missing",
        "2: 'Mode' takes FTFW, NOTRACK or ALARM, not 'FTWF'",
        "4: 'Multicast' does not take 'Defaults'",
        "6: 'Group' takes 1 to 65535, not '0'",
        "7: unknown statement 'Nonsense'",
        "8: 'IPv6_interface' takes an IPv6 address, not '10.0.0.1'",
        "4: 10.0.0.1 is no multicast address",
        "11: unknown statement 'Foo'",
        "14: unknown section 'Syncs'",
        "15: unknown statement 'Hash'",
        "17: unknown statement ''",
    ]
    (channel,) = declared.channels
    assert (channel.address, channel.interface) == (None, None)


def test_what_no_configuration_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclaredError, match=r"conntrackd\.conf:33: sections nested deeper than 32$"):
        read(tmp_path, "a {\n" * 40)
    with pytest.raises(DeclaredError, match=r": more than 200000 words in all, which no configuration has$"):
        read(tmp_path, "a " * 200_001)
