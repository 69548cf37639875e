"""The whole scenario with LVS: directors are drained and crash, and a client that never stops asking is answered."""

from typing import Any

import pytest

from tests.lab.guest import PROGRAMS
from tests.lab.guest_module import observe
from tests.lab.network import missing

Seen = dict[str, Any]
MODULES = ("bridge", "veth", "ip_vs", "ip_vs_rr", "ip_vs_mh")
OTHERS = "-A -t 192.0.2.200:443 -s rr"
VIRTUAL = ["-A -t 192.0.2.100:80 -s mh -b mh-port", "-A -t 192.0.2.100:81 -s rr"]
REAL = [f"-a -t 192.0.2.100:{port} -r 192.0.2.{number}:{port} -g -w 1" for port in (80, 81) for number in (21, 22)]


@pytest.fixture(scope="module")
def seen() -> Seen:
    why = missing("ipvsadm", "haproxy", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    return observe("tests.lab.lvs", MODULES)


def test_master_and_backup_are_programmed_alike_and_synchronise(seen: Seen) -> None:
    assert seen["tables"] == dict.fromkeys(("lb1", "lb2"), sorted([*VIRTUAL, OTHERS, *REAL]))
    assert seen["roles"] == {"lb1": ["master"], "lb2": ["backup"]}


def test_the_backup_knows_the_masters_connection_and_its_server(seen: Seen) -> None:
    (connection,) = seen["synchronised"]
    assert connection in ("ESTABLISHED 192.0.2.21:81", "ESTABLISHED 192.0.2.22:81")


def test_no_request_fails_while_the_master_is_drained_and_brought_back(seen: Seen) -> None:
    assert seen["moved"]["failed"] == 0, seen["failures"]
    assert seen["moved"]["answered"] > 50


def test_a_connection_outlives_each_change_of_masters_and_keeps_its_server(seen: Seen) -> None:
    assert seen["drained"] == {"holding": True, "roles": {"lb1": ["backup"], "lb2": ["master"]}}
    assert seen["back"] == {"holding": True, "roles": {"lb1": ["master"], "lb2": ["backup"]}}
    assert seen["crashed"]["holding"] is True
    assert len(seen["crashed"]["servers"]) == 1


def test_a_server_that_fails_gets_no_connections_until_it_is_back(seen: Seen) -> None:
    left = seen["crashed"]["servers"][0].replace("web", "192.0.2.2")
    assert seen["failed server"] == sorted([*VIRTUAL, OTHERS, *(line for line in REAL if f"-r {left}:" in line)])


def test_the_status_tells_of_it(seen: Seen) -> None:
    detail = "2 virtual servers; 0 of 4 real servers bad; sync daemon: master"
    assert seen["companions"] == [{"name": "ipvs", "follows": "web", "good": True, "detail": detail}]


def test_an_agent_that_ends_takes_away_what_is_its_own(seen: Seen) -> None:
    assert seen["end"] == [[OTHERS], []]
