"""The status as a person reads it: what is said, within eighty columns, whatever names and reasons hold."""

import io
import json
import re
from ipaddress import ip_address
from typing import Any

from tests.agent.telling.statuses import router, status
from vrrpwatch.agent.ports import Verdict
from vrrpwatch.agent.telling.status import Status, encode
from vrrpwatch.agent.telling.table import MAX_ROUTERS, write_table


class Sink(io.StringIO):
    """Text for a terminal of some encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # as a terminal has it
        return self._encoding


def shown(made: Status, encoding: str = "utf-8", **more: Any) -> str:
    sink = Sink(encoding)
    write_table(json.loads("".join(encode(made))), sink, width=80, **more)
    return sink.getvalue()


def test_what_is_shown_of_routers_groups_and_companions() -> None:
    good = {"haproxy": Verdict("haproxy", True, "2 servers up", None)}
    bad = {"haproxy": Verdict("haproxy", False, "no server is up", None), "uplink": None}
    backup = router(
        "db",
        state="backup",
        priority=90,
        base_priority=110,
        master=ip_address("192.0.2.12"),
        verdicts=bad,
        draining=True,
    )
    six = router(
        "six",
        family=6,
        state="fault",
        master=None,
        faults=("uplink: eth1 is down",),
        addresses=(ip_address("fe80::1"), ip_address("2001:db8::1")),
        verdicts={"uplink": Verdict("uplink", False, "eth1 is down", None)},
        last_change=None,
    )
    carp = router(
        "carp",
        protocol="carp",
        version=None,
        priority=None,
        base_priority=None,
        advbase=1,
        advskew=100,
        demotion=240,
        state="backup",
        master=None,
        verdicts={},
    )
    text = shown(status((router(verdicts=good), backup, six, carp), draining=True, realtime=False, audited=False))
    assert (
        text
        == """\
4 routers: 1 master, 2 backup, 1 fault
vrrpwatch 1.2.3, process 711, up 1 min 40 s, some routers are drained, without
real-time priority, not watched by its own sniffer

●  web   master  90 s  priority 150
   VRRPv3 51 on eth0: 192.0.2.1
   was backup: its master was silent; 91 adverts sent, 2 received; discarded 1
   bad-ttl

○  db    backup  90 s  priority 90 of 110
   VRRPv3 51 on eth0: 192.0.2.1; master is 192.0.2.12
   ▲ haproxy: no server is up
   ▲ uplink: nothing is known yet
   ▲ drained: below everybody who is not
   was backup: its master was silent; 91 adverts sent, 2 received; discarded 1
   bad-ttl

✖  six   fault   90 s  priority 150
   VRRPv3 51 (IPv6) on eth0: fe80::1, 2001:db8::1; no master is known
   ✖ uplink: eth1 is down
   91 adverts sent, 2 received; discarded 1 bad-ttl

○  carp  backup  90 s  advbase 1, advskew 100, demotion 240
   CARP 51 on eth0: 192.0.2.1; no master is known
   was backup: its master was silent; 91 adverts sent, 2 received; discarded 1
   bad-ttl

●  lan: master (web)
✔  conntrackd with web: told master
"""
    )


def test_colours_are_for_terminals_or_whoever_asks() -> None:
    assert "\x1b" not in shown(status())
    colored = shown(status(), color="always")
    assert "\x1b[32mmaster" in colored
    plain = re.sub(r"\x1b\[[\d;]*m", "", colored)
    assert [line.rstrip() for line in plain.splitlines()] == shown(status()).splitlines()


def test_a_terminal_without_the_symbols_gets_plain_ones() -> None:
    assert shown(status(), "latin-1").isascii()


def test_what_comes_from_outside_steers_no_terminal_and_stays_within_the_columns() -> None:
    hostile = "\x1b[2J\u202e\n" + "x" * 5_000
    made = router(
        "n" * 64,
        state="fault",
        faults=(hostile,) * 50,
        verdicts={"t": Verdict("t", False, hostile, None)},
        addresses=tuple(ip_address(f"2001:db8::{number:x}") for number in range(255)),
    )
    text = shown(status((made,), version=hostile))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(text) < 10_000
    assert "and 235 more" in text.replace("\n", " ")


def test_of_very_many_routers_the_first_are_shown() -> None:
    text = shown(status(tuple(router(str(number)) for number in range(MAX_ROUTERS + 3))))
    assert "… and 3 more routers: --output json lists all" in text
    assert "203 routers: 203 master" in text


def test_no_routers_at_all() -> None:
    assert shown(status(())).startswith("0 routers: none\n")
