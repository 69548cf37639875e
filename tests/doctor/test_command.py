"""The command: what it refuses, what it prints, how it ends."""

import io
import json
from collections.abc import Callable
from ipaddress import IPv4Interface, ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from tests.doctor.healthy import HEALTHY, LINK
from vrrpwatch.cli.doctor import doctor
from vrrpwatch.doctor import gather as gathering
from vrrpwatch.doctor import pair_sockets
from vrrpwatch.doctor.checks import Verdict, check
from vrrpwatch.doctor.document import Examination, document
from vrrpwatch.doctor.facts import Address, Facts
from vrrpwatch.doctor.pair_sockets import ProbeError, ends
from vrrpwatch.doctor.table import write_table

PEER = ip_address("192.0.2.2")
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command over facts given by hand."""

    def invoke(*arguments: str, facts: Facts = HEALTHY, privileged: bool = True) -> Result:
        monkeypatch.setattr(gathering, "gather", lambda name: facts._replace(link=facts.link._replace(name=name)))
        monkeypatch.setattr(gathering, "has_capability", lambda number: privileged and number > 0)
        return CliRunner().invoke(doctor, arguments)

    return invoke


BROKEN = HEALTHY._replace(link=LINK._replace(up=False))
WARNED = HEALTHY._replace(link=LINK._replace(mtu=1000))
OPEN = HEALTHY._replace(link=LINK._replace(vlan_filter=None))


@pytest.mark.parametrize(
    ("facts", "fail_on", "code"),
    [
        (HEALTHY, "info", 0),
        (OPEN, "info", 1),
        (OPEN, "warning", 0),
        (WARNED, "warning", 1),
        (WARNED, "critical", 0),
        (BROKEN, "critical", 1),
        (BROKEN, None, 0),
    ],
)
def test_exit_codes_follow_fail_on(run: Run, facts: Facts, fail_on: str | None, code: int) -> None:
    options = () if fail_on is None else ("--fail-on", fail_on)
    assert run("-i", "eth0", *options, facts=facts).exit_code == code


def test_the_document_keeps_its_schema(run: Run, root: Path) -> None:
    schema = json.loads((root / "docs/doctor.schema.json").read_text())
    answer: dict[str, Any] = json.loads(run("-i", "eth0", "-i", "eth1", "--output", "json", facts=WARNED).stdout)
    Draft202012Validator(schema).validate(answer)
    assert answer["schema"] == "vrrpwatch/doctor/1"
    assert [one["interface"] for one in answer["interfaces"]] == ["eth0", "eth1"]
    (mtu,) = [one for one in answer["interfaces"][0]["checks"] if one["name"] == "mtu"]
    assert mtu == {
        "name": "mtu",
        "verdict": "warning",
        "severity": "warning",
        "evidence": "mtu 1000: IPv6 needs 1280",
        "remedy": "ip link set dev eth0 mtu 1500",
    }


def test_an_interface_named_twice_is_examined_once(run: Run) -> None:
    answer = json.loads(run("-i", "eth0", "-i", "eth0", "--output", "json").stdout)
    assert len(answer["interfaces"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '-i'"),
        (("-i", "any", "--probe", "192.0.2.2"), "--probe needs exactly one interface"),
        (("-i", "a", "-i", "b", "--probe", "192.0.2.2"), "--probe needs exactly one interface"),
        (("-i", "eth0", "--probe", "192.0.2.2", "--wait", "nan"), "--wait must be a number"),
        (("-i", "eth0", "--vrid", "5"), "--vrid goes with --probe"),
        (("-i", "eth0", "--probe", "router\x1b[2J"), "router\\x1b[2J: not an IP address"),
        (("-i", "eth0", "--probe", "192.0.2.2", "--vrid", "256"), "256"),
        (("-i", "eth0", "--probe", "192.0.2.1"), "192.0.2.1: is this host; name the other one"),
    ],
)
def test_usage_errors_say_what_is_wrong(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_an_unknown_interface_names_the_known() -> None:
    result = CliRunner().invoke(doctor, ["-i", "no-such\x1b[0m"])
    assert result.exit_code == 3
    assert "no-such\\x1b[0m: no such interface; there are " in result.stderr
    assert "lo" in result.stderr


def test_a_probe_needs_a_right(run: Run) -> None:
    result = run("-i", "eth0", "--probe", "192.0.2.2", privileged=False)
    assert (result.exit_code, result.stdout) == (5, "")
    assert "needs CAP_NET_RAW; run it as root" in result.stderr


def test_an_interrupted_probe_loses_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pair_sockets, "probe", interrupted)
    result = run("-i", "eth0", "--probe", "192.0.2.2", "--output", "json")
    assert result.exit_code == 130
    assert result.stderr == "vrrpwatch: interrupted; the probe is not shown\n"
    assert "mtu" in {one["name"] for one in json.loads(result.stdout)["interfaces"][0]["checks"]}


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(1, "Operation not permitted"), 5, "needs CAP_NET_RAW"),
        (OSError(98, "Address already in use"), 3, "eth0: probe 192.0.2.2: Address already in use"),
    ],
)
def test_a_probe_that_the_kernel_refuses(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: OSError, code: int, words: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pair_sockets, "probe", refused)
    result = run("-i", "eth0", "--probe", "192.0.2.2")
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


def test_the_end_nearest_to_the_peer_is_chosen() -> None:
    far = Address(IPv4Interface("198.51.100.1/24"))
    facts = HEALTHY._replace(addresses=(far, *HEALTHY.addresses))
    assert ends(facts, PEER, None)[:4] == (ip_address("192.0.2.1"), LINK.mac, PEER, 254)
    assert ends(facts, ip_address("203.0.113.9"), 7).ip == ip_address("198.51.100.1")
    assert ends(facts, ip_address("fe80::2%eth0"), 7).peer == ip_address("fe80::2")


def test_a_vrid_in_use_is_not_borrowed() -> None:
    used = HEALTHY._replace(virtual_neighbours=(("192.0.2.254", "00:00:5e:00:01:fe"),))
    assert ends(used, PEER, None).vrid == 253
    with pytest.raises(ProbeError, match="VRID 254 is in use"):
        ends(used, PEER, 254)
    every = tuple((f"192.0.2.{n}", f"00:00:5e:00:01:{n:02x}") for n in range(1, 256))
    with pytest.raises(ProbeError, match="every VRID"):
        ends(HEALTHY._replace(virtual_neighbours=every), PEER, None)


def test_no_end_without_an_address_or_a_link() -> None:
    with pytest.raises(ProbeError, match=r"eth0: has no IPv6 address to talk to 2001:db8::1 from"):
        ends(HEALTHY._replace(addresses=HEALTHY.addresses[:1]), ip_address("2001:db8::1"), None)
    with pytest.raises(ProbeError, match="not an Ethernet interface that is up"):
        ends(BROKEN, PEER, None)


class Ascii(io.StringIO):
    encoding = "ascii"


CHECKS = (
    check("fine", Verdict.OK, "all is well"),
    check("unsure", Verdict.UNKNOWN, "cannot see", "look-closer"),
    check("bad", Verdict.PROBLEM, "[bold]\x1b[31m:smile:", "fix-it --now"),
)


def test_the_table_shows_the_gravest_first_and_no_markup() -> None:
    file = io.StringIO()
    write_table((Examination("et\x1bh0", CHECKS, "192.0.2.2"),), file, width=80)
    assert file.getvalue().splitlines() == [
        "et\\x1bh0 with 192.0.2.2: cannot carry VRRP and CARP as it is (1 problem, 1",
        "unknown)",
        "",
        "✖ bad    [bold]\\x1b[31m:smile:",
        "         → fix-it --now",
        "? unsure cannot see",
        "         → look-closer",
        "✔ fine   all is well",
    ]


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        (CHECKS[:1], "eth0: can carry VRRP and CARP"),
        (CHECKS[:2], "eth0: nothing speaks against VRRP and CARP, as far as can be seen (1 unknown)"),
        (
            (check("w", Verdict.WARNING, ""), check("x", Verdict.WARNING, "")),
            "eth0: can carry VRRP and CARP, with reservations (2 warnings)",
        ),
    ],
)
def test_one_sentence_answers_the_question(checks: Any, sentence: str) -> None:
    file = io.StringIO()
    write_table((Examination("eth0", checks),), file, width=100)
    assert file.getvalue().splitlines()[0] == sentence


def test_terminals_without_symbols_get_letters() -> None:
    file = Ascii()
    write_table((Examination("eth0", CHECKS),), file, width=80)
    assert file.getvalue().isascii()


def test_colour_only_where_asked_for() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    write_table((Examination("eth0", CHECKS),), plain, width=80)
    write_table((Examination("eth0", CHECKS),), coloured, width=80, color="always")
    assert "\x1b" not in plain.getvalue()
    assert "\x1b[" in coloured.getvalue()


def test_the_document_has_nothing_that_steers_a_terminal() -> None:
    (one,) = document((Examination("et\x1bh0", CHECKS, None),))["interfaces"]
    assert (one["interface"], one["checks"][2]["evidence"]) == ("et\\x1bh0", "[bold]\\x1b[31m:smile:")
    assert [c["severity"] for c in one["checks"]] == [None, "info", "critical"]
