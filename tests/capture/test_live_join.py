"""Groups are joined where the interface is, left when all ends, and a group that cannot be is one line."""

from ipaddress import ip_address

import pytest

from tests.lab.live import inside, wire
from tests.lab.network import missing, run
from vrrpwatch.capture.interfaces import look_up
from vrrpwatch.capture.live_join import Memberships, own_addresses

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def test_groups_are_joined_and_left() -> None:
    groups = [ip_address(text) for text in ("225.0.0.50", "224.0.0.81", "ff02::12", "225.0.0.50")]
    told: list[str] = []
    with wire("eth0") as made:
        run("ip", "netns", "exec", made.near, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")

        def joined() -> set[str]:
            shown = run("ip", "-n", made.near, "maddress", "show", "dev", "eth0").split()
            return {word for word in shown if word in {str(group) for group in groups}}

        with inside(made.near):
            eth0 = look_up("eth0")
            assert eth0 is not None
            memberships = Memberships(groups, told.append)
            assert joined() == set()
            memberships.join("eth0", eth0.number)
            assert joined() == {"225.0.0.50", "224.0.0.81", "ff02::12"}
            # As when it was found anew.
            memberships.join("eth0", eth0.number)
            memberships.close()
            assert joined() == set()
    assert told == []


def test_more_groups_than_a_socket_may_join() -> None:
    groups = [ip_address(f"225.0.1.{number}") for number in range(45)]
    told: list[str] = []
    with wire("eth0") as made, inside(made.near):
        eth0 = look_up("eth0")
        assert eth0 is not None
        memberships = Memberships(groups, told.append)
        memberships.join("eth0", eth0.number)
        assert run("ip", "-n", made.near, "maddress", "show", "dev", "eth0").count("225.0.1.") == 45
        memberships.close()
    assert told == []


def test_what_cannot_be_joined_is_told() -> None:
    told: list[str] = []
    with wire("eth0") as made, inside(made.near):
        memberships = Memberships([ip_address("225.0.0.50")], told.append)
        memberships.join("eth9", 999)
        memberships.close()
    assert told == ["eth9: 225.0.0.50 cannot be joined (No such device)"]
    with pytest.raises(ValueError, match=r"192\.0\.2\.1 is no multicast address"):
        Memberships([ip_address("192.0.2.1")], told.append)


def test_own_addresses() -> None:
    with wire("eth0", "eth1") as made, inside(made.near):
        for name, address in (("eth0", "192.0.2.1/24"), ("eth0", "192.0.2.9/24"), ("eth1", "198.51.100.1/24")):
            run("ip", "-n", made.near, "address", "add", address, "dev", name)
        assert own_addresses(["eth0"]) == {ip_address("192.0.2.1"), ip_address("192.0.2.9")}
        assert ip_address("198.51.100.1") in own_addresses([])
