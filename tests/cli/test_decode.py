"""``vrrpwatch decode``: lines and objects of packets, several captures, and what happens when one of them is bad."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

import pytest

from tests.cli.conftest import Run
from tests.report.sample import at
from vrrpwatch.capture import session
from vrrpwatch.capture.errors import CaptureError, DamagedError
from vrrpwatch.capture.session import Decoded, Options
from vrrpwatch.cli.exits import Exit
from vrrpwatch.report.decode_line import Message
from vrrpwatch.wire.values import Carp, Hsrp, Ipv4, Malformed, Packet, Vrrp

NETWORK = Ipv4(IPv4Address("10.0.0.2"), IPv4Address("224.0.0.18"), 255, 0xC0, 7, False, False, 0, 112, 20, 40)
FRAME = Packet(1, "02:42:0a:00:00:02", "01:00:5e:00:00:12", network=NETWORK, protocol=112, payload_length=20)
VRRP = Vrrp(2, 51, 104, 1, 1.0, 0, (IPv4Address("10.0.0.9"),), 1, b"secret\0\0", length=20)
LINE = (
    "IP 10.0.0.2 > 224.0.0.18: VRRPv2, Advertisement, vrid 51, prio 104, authtype simple, intvl 1s, length 20, "
    'addrs: 10.0.0.9 auth "********"'
)
MESSAGES: tuple[Message, ...] = (
    VRRP,
    Carp(7, 0, 7, 0, 1, 0, 5, bytes(20)),
    Malformed("unknown type 2", version=2, type=2, length=20),
)
COMPANION = Hsrp(1, 0, 16, 1, 100, 3.0, 10.0, (IPv4Address("10.0.0.1"),), "none")


def packets(paths: Sequence[str], options: Options, everything: bool = False) -> Iterator[Decoded]:
    """Three advertisements a second apart; what the names say happens too."""
    for path in paths:
        if path == "unreadable":
            raise CaptureError("unreadable: is not a capture; give a pcap or pcapng file")
        for number, message in enumerate((*MESSAGES, COMPANION) if everything else MESSAGES):
            segment = options.segment or "eth0"
            yield Decoded(0, path, 10 + number, at(number), segment, FRAME, message, "plain", 54)
        if path == "damaged":
            raise DamagedError("damaged: cut short at byte 99")
        if path == "endless":
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "decode", packets)


def test_lines(run: Run) -> None:
    result = run("decode", "-n", "a")
    assert result.exit_code == Exit.CLEAN
    assert result.stdout.splitlines() == [
        f"10:00:00.000000 {LINE}",
        "10:00:01.000000 IP 10.0.0.2 > 224.0.0.18: CARPv2-advertise 36: vhid=7 advbase=1 advskew=0 authlen=7 counter=5",
        "10:00:02.000000 IP 10.0.0.2 > 224.0.0.18: VRRPv2, unknown type (2), malformed (unknown type 2), length 20",
    ]


@pytest.mark.parametrize(
    ("flags", "second"),
    [
        (("-t",), "IP "),
        (("-tt",), "1772359201.000000 IP "),
        (("-ttt",), " 00:00:01.000000 IP "),
        (("-tttt",), "2026-03-01 10:00:01.000000 IP "),
        (("-#",), "   11  10:00:01.000000 IP "),
        (("-e",), "10:00:01.000000 02:42:0a:00:00:02 > 01:00:5e:00:00:12, length 54: IP "),
    ],
)
def test_tcpdumps_flags(run: Run, flags: tuple[str, ...], second: str) -> None:
    assert run("decode", *flags, "a").stdout.splitlines()[1].startswith(second + "10.0.0.2 > ")


@pytest.mark.parametrize(("flag", "third"), [("-ttt", " 00:00:01.000000 "), ("-ttttt", " 00:00:02.000000 ")])
def test_times_count_from_the_line_before_or_the_first(run: Run, flag: str, third: str) -> None:
    assert run("decode", flag, "a").stdout.splitlines()[2].startswith(third)


def test_count_stops_early(run: Run) -> None:
    assert len(run("decode", "-c", "2", "a").stdout.splitlines()) == 2
    assert len(run("decode", "-c", "4", "a", "b").stdout.splitlines()) == 4


def test_ndjson(run: Run) -> None:
    items = [json.loads(line) for line in run("decode", "--output", "ndjson", "a").stdout.splitlines()]
    assert [(item["packet"], item["protocol"]) for item in items] == [(10, "vrrp"), (11, "carp"), (12, "vrrp")]
    assert items[2]["error"] == "unknown type 2"
    assert items[0]["capture"] == "a"


def test_json_is_one_array(run: Run) -> None:
    assert len(json.loads(run("decode", "--output", "json", "a", "b").stdout)) == 6
    assert json.loads(run("decode", "--output", "json", "unreadable").stdout) == []


def test_csv(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("decode", "--output", "csv", "a").stdout)))
    assert [row["id"] for row in rows] == ["51", "7", ""]
    assert "state" not in rows[0]
    rows = list(csv.DictReader(io.StringIO(run("decode", "--all", "--output", "csv", "a").stdout)))
    assert (rows[3]["protocol"], rows[3]["state"]) == ("hsrp", "16")


def test_companions_come_with_all(run: Run) -> None:
    assert "HSRPv1-hello: state=active group=1" in run("decode", "--all", "a").stdout


def test_passwords(run: Run) -> None:
    for output in ("table", "json", "ndjson", "csv"):
        assert "secret" not in run("decode", "--output", output, "a").stdout
        assert "secret" in run("decode", "--reveal", "--output", output, "a").stdout


def test_segment_is_named(run: Run) -> None:
    assert (
        json.loads(run("decode", "-c", "1", "--output", "ndjson", "--segment", "wan", "a").stdout)["segment"] == "wan"
    )


def test_an_unreadable_capture_does_not_stop_the_others(run: Run) -> None:
    result = run("decode", "unreadable", "a")
    assert result.exit_code == Exit.UNREADABLE
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "vrrpwatch: unreadable: is not a capture; give a pcap or pcapng file\n"


def test_damage_comes_after_everything_that_could_be_read(run: Run) -> None:
    result = run("decode", "damaged", "a")
    assert (result.exit_code, len(result.stdout.splitlines())) == (Exit.DAMAGED, 6)
    assert result.stderr == "vrrpwatch: damaged: cut short at byte 99\n"
    assert run("decode", "damaged", "unreadable", "damaged").exit_code == Exit.UNREADABLE


@pytest.mark.parametrize("output", ["table", "json"])
def test_interrupted(run: Run, output: str) -> None:
    result = run("decode", "--output", output, "endless")
    assert result.exit_code == Exit.INTERRUPTED
    assert len(json.loads(result.stdout) if output == "json" else result.stdout.splitlines()) == 3


def test_colour_marks_what_is_wrong(run: Run) -> None:
    lines = run("decode", "--color", "always", "a").stdout.splitlines()
    assert [line.startswith("\x1b[31m") for line in lines] == [False, False, True]
    assert "\x1b" not in run("decode", "a").stdout


def test_too_many_t(run: Run) -> None:
    assert run("decode", "-tttttt", "a").exit_code == Exit.USAGE
