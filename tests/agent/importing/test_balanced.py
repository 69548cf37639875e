"""Virtual servers of keepalived as ``[ipvs]``: addresses, real servers, their checks, and the sync daemon."""

from pathlib import Path

import pytest

from tests.agent.importing.making import Made, one
from vrrpwatch.agent.config.companions import Ipvs, IpvsSync, RealCheck, RealServer, VirtualServer

ALPHA = "alpha\n"


def balanced(folder: Path, text: str) -> tuple[Ipvs, Made]:
    found = one(folder, "", before=text)
    assert found.settings.ipvs is not None
    return found.settings.ipvs, found


def server(inner: str, *, head: str = "192.0.2.100 80") -> str:
    return f"virtual_server {head} {{\n{ALPHA}{inner}\n}}\n"


def real(inner: str, *, head: str = "198.51.100.2 8080") -> str:
    return f"real_server {head} {{\n{inner}\n}}\n"


def test_a_virtual_server(tmp_path: Path) -> None:
    text = server(
        """
        lb_algo sh
        lb_kind NAT
        sh-port
        persistence_timeout 50
        protocol TCP
        delay_loop 6
        inhibit_on_failure
        sorry_server 198.51.100.9 81
        """
        + real("weight 5\nTCP_CHECK {\nconnect_timeout 3\nretry 0\n}")
        + real("lvs_method TUN", head="2001:db8::2 80")
    )
    found, told = balanced(tmp_path, text)
    (virtual,) = found.virtual
    check = RealCheck(type="tcp", port=8080, interval=6.0, timeout=3.0, fall=1)
    assert virtual == VirtualServer.model_validate(
        {
            "address": "192.0.2.100",
            "port": 80,
            "protocol": "tcp",
            "scheduler": "sh",
            "hash": ("port",),
            "persistence": 50,
            "sorry": {"address": "198.51.100.9", "port": 81, "method": "nat"},
            "real": (
                {
                    "address": "198.51.100.2",
                    "port": 8080,
                    "method": "nat",
                    "weight": 5,
                    "failed": "quiesce",
                    "check": check.model_dump(),
                },
                {"address": "2001:db8::2", "method": "tunnel", "failed": "quiesce", "check": False},
            ),
        }
    )
    assert told.lines == []


def checked(folder: Path, check: str, *, virtual: str = "") -> tuple[RealServer, list[str]]:
    found, told = balanced(folder, server(virtual + real(check)))
    return found.virtual[0].real[0], told.lines


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        # keepalived's own defaults: every 60 s, 5 s, and one more try after 1 s.
        ("TCP_CHECK {\n}", RealCheck(type="tcp", port=8080, interval=60.0, timeout=5.0, fall=2)),
        (
            "SSL_GET {\nconnect_port 443\nretry 3\ndelay_before_retry 3\nurl {\npath /up\nstatus_code 204\n}\n}",
            RealCheck(type="https", port=443, path="/up", status=204, interval=60.0, timeout=5.0, fall=2),
        ),
        (
            "delay_loop 2\nMISC_CHECK {\nmisc_path \"/bin/check 'a b'\"\nmisc_timeout 7\n}",
            RealCheck(type="script", command=("/bin/check", "a b"), interval=2.0, timeout=7.0, fall=1),
        ),
        # 3 tries more, 3 s apart, are as long as two checks more, 6 s apart.
        ("delay_loop 6\nHTTP_GET {\n}", RealCheck(type="http", port=8080, interval=6.0, timeout=5.0, fall=3)),
    ],
)
def test_checks(tmp_path: Path, check: str, expected: RealCheck) -> None:
    found, _ = checked(tmp_path, check)
    assert found.check == expected


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("PING_CHECK {\n}", ["it is not checked here, and always used", "the agent does not ping"]),
        ("SMTP_CHECK {\nhelo_name x\nretry 0\n}", ["a connection by TCP is all that is checked", "'helo_name'"]),
        ("TCP_CHECK {\nretry 0\n}\nHTTP_GET {\n}", ["a real server has one check: left out, so let one do both"]),
        ("HTTP_GET {\nretry 0\nurl {\nstatus_code 200-299\n}\nurl {\n}\n}", ["written as 200", "asks for one page"]),
        (
            "TCP_CHECK {\nretry 0\nbindto 192.0.2.1\n}\nnotify_up x\n",
            ["no program at changes", "are made from any"],
        ),
        ("MISC_CHECK {\n}", ["it is not checked here", "it has no misc_path"]),
    ],
)
def test_checks_that_are_not_as_they_were(tmp_path: Path, check: str, told: list[str]) -> None:
    _, lines = checked(tmp_path, check)
    assert len(lines) == len(told)
    assert all(any(part in line for line in lines) for part in told)


def test_groups_and_ranges(tmp_path: Path) -> None:
    group = """virtual_server_group G {
        192.0.2.1 80
        192.0.2.2-4 80
        2001:db8::f-10 80
        192.0.2.8/31 80
        192.0.2.4 80
        fwmark 7
        192.0.2.9
        10.0.0.0/8 80
    }
    """
    found, told = balanced(tmp_path, group + server("lvs_method TUN\n" + real(""), head="group G"))
    assert [str(each.address) for each in found.virtual] == [
        *(f"192.0.2.{number}" for number in range(1, 5)),
        "2001:db8::f",
        "2001:db8::10",
        "192.0.2.8",
        "192.0.2.9",
    ]
    assert [line for line in told.lines if "real_server" not in line] == [
        "6: '192.0.2.4 80': it is balanced already: left out",
        "7: 'fwmark': only addresses can be balanced, no firewall marks: left out",
        "8: '192.0.2.9': the agent balances single ports, so say which: left out",
        "9: '10.0.0.0/8': it is no address and no range of up to 1000: left out",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (server(real(""), head="fwmark 7"), "'fwmark': only addresses can be balanced"),
        (server(real(""), head="group X"), "'X': there is no such virtual_server_group: left out"),
        (server(""), "'virtual_server': it has no real server: left out"),
        (server("protocol SCTP\n" + real("")), "'protocol': 'SCTP' is not balanced by the agent: left out"),
        (server("protocol UDP\n" + real("HTTP_GET {\n}", head="nowhere 53")), "'nowhere' is no address"),
        (server(real("", head="2001:db8::1 80")), "'real_server': it is of another family than 192.0.2.100: left out"),
        (server("lvs_method FAST\n" + real("")), "its lvs_method is none of NAT, DR and TUN: left out"),
        (server("lvs_sched W3\n" + real("")), "'192.0.2.100 80': scheduler: "),
    ],
)
def test_what_cannot_be_balanced_is_told(tmp_path: Path, text: str, why: str) -> None:
    found = one(tmp_path, "", before=text)
    assert found.settings.ipvs is None
    assert [line for line in found.lines if why in line]


def test_the_port_of_a_real_server_that_is_reached_directly(tmp_path: Path) -> None:
    found, told = balanced(tmp_path, server("lb_kind DR\n" + real("TCP_CHECK {\nretry 0\n}")))
    (each,) = found.virtual[0].real
    assert (each.port, each.method, each.check and each.check.port) == (None, "direct", 8080)
    assert told.lines == ["4: 'real_server': direct keeps the port 80, and not 8080 is used"]


def test_a_server_gets_connections_after_its_first_check(tmp_path: Path) -> None:
    _, told = balanced(tmp_path, server(real("")).replace(ALPHA, ""))
    (line,) = told.lines
    assert "a real server gets connections once a check has found it good, as with keepalived's alpha" in line


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("lvs_sync_daemon eth1 V", Ipvs(follows="V", sync=IpvsSync(interface="eth1", id=51)), []),
        (
            "lvs_sync_daemon eth1 inst V id 7 ttl 3",
            Ipvs(follows="V", sync=IpvsSync(interface="eth1", id=7)),
            ["ttl is the"],
        ),
        ("lvs_sync_daemon eth1 W", None, ["it follows no router that there is here"]),
    ],
)
def test_the_sync_daemon(tmp_path: Path, text: str, expected: Ipvs | None, told: list[str]) -> None:
    found = one(tmp_path, "", before=f"global_defs {{\n{text}\n}}\n")
    assert found.settings.ipvs == expected
    assert len(found.lines) == len(told)
    assert all(part in line for part, line in zip(told, found.lines, strict=True))
