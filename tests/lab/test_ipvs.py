"""IPVS in a real kernel: what the agent's companion programs there, as ipvsadm sees it."""

from typing import Any

import pytest

from tests.lab.guest import PROGRAMS
from tests.lab.guest_module import observe
from tests.lab.network import missing

Seen = dict[str, Any]
MODULES = ("ip_vs", "ip_vs_rr", "ip_vs_wlc", "ip_vs_mh")
OTHERS = ["-A -f 5 -s rr", "-A -t 192.0.2.200:443 -s rr -p 10"]
MADE = [
    "-A -t 192.0.2.100:80 -s rr -p 300",
    "-A -u [2001:db8::100]:53 -s mh -b mh-fallback,mh-port",
    "-a -t 192.0.2.100:80 -r 198.51.100.21:8080 -m -w 5",
    "-a -t 192.0.2.100:80 -r 198.51.100.22:80 -g -w 65535",
    "-a -t 192.0.2.100:80 -r 198.51.100.23:80 -i -w 0 --tun-type ipip",
    "-a -u [2001:db8::100]:53 -r [2001:db8::21]:5353 -m -w 1",
]
# A sync message fills a frame of 1,500 octets at most, and one of any length is heard (lo has an MTU of 65,536).
DAEMON = "{} sync daemon (mcast=lo, syncid=7, maxlen={}, group=224.0.0.81, port=8848, ttl=1)"


@pytest.fixture(scope="module")
def seen() -> Seen:
    why = missing("ipvsadm", *PROGRAMS)
    if why is not None:
        pytest.skip(why)
    return observe("tests.lab.ipvs_guest", MODULES)


def test_all_methods_both_families_persistence_and_flags_are_as_ipvsadm_would_make_them(seen: Seen) -> None:
    assert seen["shown"] == sorted([*OTHERS, *MADE])
    assert seen["second"] == 0


def test_the_sync_daemon_has_one_role_at_a_time(seen: Seen) -> None:
    assert seen["daemons"] == [DAEMON.format("backup", 65507)]
    assert seen["master"] == ["stop the backup sync daemon on lo", "start the master sync daemon on lo"]
    assert seen["master daemons"] == [DAEMON.format("master", 1472)]


def test_servers_that_failed_are_removed_or_quiescent(seen: Seen) -> None:
    left = [line for line in MADE if line.startswith("-A") or "198.51.100.23" in line or "2001:db8::21" in line]
    assert seen["failed"] == sorted([*OTHERS, *left])


def test_what_was_changed_by_hand_is_repaired_after_a_crash(seen: Seen) -> None:
    assert sorted(seen["repaired"]) == [
        "add real server 198.51.100.21:8080 of 192.0.2.100:80/tcp",
        "add real server 198.51.100.22:80 of 192.0.2.100:80/tcp",
        "add real server [2001:db8::21]:5353 of [2001:db8::100]:53/udp",
        "change virtual server 192.0.2.100:80/tcp",
    ]
    assert seen["shown again"] == seen["shown"]


def test_what_cannot_be_is_one_line_that_says_what_to_do(seen: Seen) -> None:
    what = "IPVS: cannot add virtual server 192.0.2.100:81/tcp"
    assert seen["strange"] == [f"{what}: there is no scheduler lblcr: load ip_vs_lblcr, or correct the name"]
    line = "IPVS: cannot start the master sync daemon on nowhere: there is no interface nowhere"
    assert seen["nowhere"] == [[line], None]
    assert seen["no right"] == "IPVS: no right to list IPVS's tables: the agent needs CAP_NET_ADMIN\n"


def test_at_the_end_all_of_it_is_gone_and_nothing_of_others(seen: Seen) -> None:
    assert (seen["end"], seen["end daemons"], seen["left"]) == (OTHERS, [], [])


def test_more_than_one_request_can_hold(seen: Seen) -> None:
    assert seen["many"] == [0, 2_000, 1]
