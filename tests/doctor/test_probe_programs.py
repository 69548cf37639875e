"""Programs that are asked for listings: absent, failing, silent, printing nonsense."""

import sys

import pytest

from vrrpwatch.doctor import probe_programs
from vrrpwatch.doctor.facts import Listing, RouterPort
from vrrpwatch.doctor.probe_programs import listing, router_ports

PYTHON = (sys.executable, "-c")


def test_a_listing_is_what_the_program_prints() -> None:
    assert listing(*PYTHON, "print('*filter')").text == "*filter\n"


def test_a_program_that_is_absent() -> None:
    assert listing("no-such-program", "-x") == Listing("no-such-program -x", None, "not installed", absent=True)


def test_a_program_that_fails_gives_its_first_words() -> None:
    found = listing(*PYTHON, "import sys; sys.exit('Operation not permitted\\nmore')")
    assert (found.text, found.error, found.absent) == (None, "Operation not permitted", False)
    assert listing(*PYTHON, "import sys; sys.exit(3)").error == "exit status 3"


def test_a_program_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_programs, "TIMEOUT", 0.1)
    assert listing(*PYTHON, "import signal; signal.pause()").error == "no answer within 0.1 s"


def test_a_listing_beyond_all_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_programs, "MAX_BYTES", 10)
    assert listing(*PYTHON, "print('x' * 20)").error == "more than 10 octets"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"mdb":[],"router":{}}]', ()),
        ('[{"mdb":[],"router":{"br0":[{"port":"v0","timer":" 254.9","type":"temp"}]}}]', (RouterPort("v0", True),)),
        ('[{"router":{"br0":[{"port":"v0","type":"permanent"}]}}]', (RouterPort("v0", False),)),
        ("[]", ()),
        ("", None),
        ("{", None),
        ("[3]", None),
        ('[{"router":{"br0":[{}]}}]', None),
        (None, None),
    ],
)
def test_router_ports(
    monkeypatch: pytest.MonkeyPatch, text: str | None, expected: tuple[RouterPort, ...] | None
) -> None:
    monkeypatch.setattr(probe_programs, "listing", lambda *command: Listing(" ".join(command), text))
    assert router_ports("br0") == expected


def test_filters_of_an_unprivileged_run_are_unread_and_not_empty() -> None:
    nft, others = probe_programs.filters(privileged=False)
    assert {item.text for item in (nft, *others)} == {None}


def test_a_table_is_not_listed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(*command: str) -> Listing:
        return Listing(" ".join(command), f"# by {command[0]}\n*filter\nCOMMIT\n")

    monkeypatch.setattr(probe_programs, "listing", same)
    _, others = probe_programs.filters(privileged=True)
    assert [item.command for item in others] == ["iptables-save", "ip6tables-save"]
