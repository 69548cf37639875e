"""Names of interfaces and of rotations: from files' names, from captures and from the user, hostile ones among them."""

import pytest

from vrrpwatch.capture.naming import Names, stem
from vrrpwatch.capture.rotation import Streams, common_name
from vrrpwatch.core.frames import Interface
from vrrpwatch.core.model import GroupKey

ETHERNET, SLL2 = 1, 276


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/captures/eth0.pcap", "eth0"),
        ("eth0.pcapng.gz", "eth0"),
        ("eth0.pcap.zst", "eth0"),
        ("eth0.gz", "eth0"),
        ("eth0", "eth0"),
        ("dir.d/cap.pcap12", "cap"),
        ("lan.2026.pcap", "lan.2026"),
        (".pcap", ".pcap"),
        (".gz", ".gz"),
        ("-", "stdin"),
    ],
)
def test_an_interface_is_named_after_its_file(path: str, name: str) -> None:
    assert stem(path) == name


def names(form: str, *interfaces: Interface, segment: str | None = None) -> list[str]:
    named = Names(["cap"], segment)
    named.describe(0, form, interfaces)
    return [
        named.interface(0, index, 3 if interface.linktype == SLL2 else 0) for index, interface in enumerate(interfaces)
    ]


def test_the_capture_names_its_interfaces_itself() -> None:
    assert names("pcapng", Interface("eth0", 1), Interface(None, 1), Interface("", 1), Interface(" ", 1)) == [
        "eth0",
        "cap#1",
        "cap#2",
        "cap#3",
    ]
    assert names("pcap", Interface(None, ETHERNET)) == ["cap"]


def test_the_user_names_what_the_capture_does_not() -> None:
    assert names("pcap", Interface(None, ETHERNET), segment="lan") == ["lan"]
    assert names("pcapng", Interface("eth0", 1), Interface(None, 1), segment="lan") == ["eth0", "lan#1"]
    assert names("pcapng", Interface(None, 1), Interface(None, 1), segment="lan") == ["lan", "lan#1"]


def test_cooked_frames_have_their_own_interface() -> None:
    assert names("pcap", Interface(None, SLL2)) == ["cap#3"]
    assert names("pcapng", Interface(None, SLL2)) == ["cap#3"]
    assert names("pcapng", Interface("any", SLL2)) == ["any#3"]
    assert names("pcap", Interface(None, SLL2), segment="lan") == ["lan#3"]
    # The interface of the capture, as statistics and lists of interfaces mean it.
    named = Names(["cap"], None)
    named.describe(0, "pcap", (Interface(None, SLL2),))
    assert named.interface(0, 0, 0) == "cap"


def test_an_interface_that_was_not_described_has_a_name() -> None:
    assert Names(["cap"], None).interface(0, 7, 0) == "cap"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a|b/c", r"a\x7cb\x2fc"),
        ("e\x1b[31m\n0", r"e\x1b[31m\x0a0"),
        ("eth\u202e0", r"eth\u202e0"),
        ("x" * 5000, "x" * 256 + "…"),
        (r"\Device\NPF_{1}", r"\Device\NPF_{1}"),
    ],
)
def test_no_name_breaks_a_key_or_a_terminal(given: str, shown: str) -> None:
    assert names("pcapng", Interface(given, 1)) == [shown]
    assert names("pcap", Interface(None, 1), segment=given) == [shown]
    assert Names([given], None).interface(0, 0, 0) == shown
    key = str(GroupKey(f"{shown}/10", "vrrp", 4, 51, "224.0.0.18"))
    assert key.split("|") == [f"{shown}/10", "vrrp", "4", "51", "224.0.0.18"]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["cap", "cap"], "cap"),
        (["cap_00001_20260101120000", "cap_00002_20260101130000"], "cap"),
        (["cap-20260101-120000", "cap-20260101-130000"], "cap-20260101"),
        (["eth0-1", "eth0-2"], "eth0"),
        (["eth0", "eth1"], "eth"),
        (["cap", "cap1", "cap10"], "cap"),
        (["1", "2", "10"], "1"),
        (["a--b"], "a--b"),
    ],
)
def test_a_rotation_has_the_name_its_files_share(files: list[str], name: str) -> None:
    assert common_name(files) == common_name(files[::-1]) == name


@pytest.mark.parametrize(
    "files",
    [
        ["cap.pcap", "cap.pcap1", "cap.pcap2"],  # tcpdump -C
        ["cap.pcap00", "cap.pcap01"],  # tcpdump -C -W
        ["cap-20260101-120000.pcap", "cap-20260102-120000.pcap"],  # tcpdump -G
        ["cap_00001_20260101120000.pcapng", "cap_00002_20260101130000.pcapng"],  # dumpcap -b
        ["cap1.pcap.gz", "cap2.pcap.gz", "cap3.pcap"],  # tcpdump -z gzip
        ["cap", "cap1"],
        ["monday/cap.pcap", "tuesday/cap.pcap"],
    ],
)
def test_files_of_one_rotation_are_told_by_their_names(files: list[str]) -> None:
    streams = Streams(files)
    assert streams.rotations == [frozenset(range(len(files)))]
    assert {name.rstrip("-0126") for name in streams.names()} == {"cap"}


def test_other_files_are_streams_of_their_own() -> None:
    streams = Streams(["lan.pcap", "wan.pcap", "lan.pcapng", "-", "/dev/fd/62", "/dev/fd/63"], alone={3, 4, 5})
    assert streams.rotations == []
    assert streams.names() == ["lan", "wan", "lan", "stdin", "62", "63"]


def test_interfaces_that_overlap_are_told_apart_by_the_first_number_in_which_they_differ() -> None:
    streams = Streams(["eth0-1.pcap", "eth0-2.pcap", "eth1-1.pcap", "eth1-2.pcap"])
    streams.part(1, 2)
    assert streams.rotations == [frozenset((0, 1)), frozenset((2, 3))]
    assert streams.names() == ["eth0", "eth0", "eth1", "eth1"]
    streams.part(0, 1)
    assert streams.names() == ["eth0-1", "eth0-2", "eth1", "eth1"]


def test_the_time_may_come_first() -> None:
    streams = Streams(["12-eth0.pcap", "12-eth1.pcap", "13-eth0.pcap", "13-eth1.pcap"])
    streams.part(0, 1)
    assert streams.names() == ["eth0", "eth1", "eth0", "eth1"]


def test_folders_tell_captures_of_one_name_apart() -> None:
    streams = Streams(["a/cap1.pcap", "a/cap2.pcap", "b/cap1.pcap", "b/cap2.pcap"])
    streams.part(0, 2)
    assert streams.rotations == [frozenset((0, 1)), frozenset((2, 3))]
    assert streams.names() == ["cap@a", "cap@a", "cap@b", "cap@b"]
    deeper = Streams(["/x/1/cap.pcap", "/y/1/cap.pcap", "cap.pcap"])
    deeper.part(0, 1)
    assert deeper.names() == ["cap@x-1", "cap@y-1", "cap"]


def test_a_capture_and_its_compressed_copy_are_told_apart() -> None:
    streams = Streams(["cap1.pcap", "cap1.pcap.gz"])
    streams.part(0, 1)
    assert streams.names() == ["cap1.pcap", "cap1.pcap.gz"]


def test_parts_of_one_rotation_never_share_a_name() -> None:
    streams = Streams(["cap.pcap", "cap.pcap1", "cap.pcap2"])
    streams.part(0, 1)
    assert len(set(streams.names())) == 3
