"""What an engine has to know of the agent's routers: their groups, their secrets, and who may speak for them."""

from tests.agent.auditing.made import OTHER_IP, OWN_IP, SECRET, VIP, attachment, carp, ips, key, vrrp
from vrrpwatch.agent.auditing.stations import interfaces, keys, policy
from vrrpwatch.core.model import GroupKey, SpeakerKey


def test_a_router_knows_its_group() -> None:
    assert vrrp().key == key()
    assert vrrp("fe80::2", addresses=["fe80::100/64"]).key == key(family=6, scope="ff02::12")
    assert carp().is_of(key("carp"), ())
    assert not vrrp().is_of(key("carp"), ())
    assert not vrrp().is_of(key(number=52), ())
    assert not vrrp().is_of(key(scope="unicast"), ips(OWN_IP))
    assert vrrp().is_of(key(scope="broadcast"), ())


def test_sets_of_peers_are_told_apart_by_their_ends() -> None:
    station = vrrp(peers=[OTHER_IP])
    assert station.is_of(key(scope="unicast"), ips("192.0.2.9", OWN_IP))
    assert station.is_of(key(scope="unicast#2"), ips("192.0.2.9", OTHER_IP))
    assert not station.is_of(key(scope="unicast"), ips("192.0.2.9", "192.0.2.10"))
    assert not station.is_of(key(), ips(OTHER_IP))


def test_each_interface_is_listened_on_once() -> None:
    other = vrrp(name="b", interface="eth1")
    assert interfaces([vrrp(), other, vrrp(name="c", id=52)]) == ("eth0", "eth1")


def test_secrets_are_for_their_own_groups_alone() -> None:
    assert keys([vrrp()]) is None
    hmac = {"type": "hmac", "key_id": 7, "secret_file": "secret"}
    made = keys([vrrp(auth=hmac), carp(id=52), vrrp(id=53, interface="e[th]*", auth=hmac)])
    assert made is not None
    assert [(one.value, one.key_id) for one in made.matching("vrrp-hmac", key())] == [(SECRET, 7)]
    assert [one.addresses for one in made.matching("carp", key("carp", 52))] == [(ips(VIP),)]
    assert made.matching("vrrp-hmac", key(number=52)) == ()
    # A device's name is no pattern.
    assert made.matching("vrrp-hmac", GroupKey("eth", "vrrp", 4, 53, "224.0.0.18")) == ()
    assert len(made.matching("vrrp-hmac", GroupKey("e[th]*", "vrrp", 4, 53, "224.0.0.18"))) == 1


def test_who_may_speak_is_known_where_there_are_peers() -> None:
    assert policy([vrrp()]) is None
    made = policy([vrrp(peers=[OTHER_IP]), vrrp(name="b", peers=["192.0.2.3"], at=attachment("192.0.2.4"))])
    assert made is not None
    (group,) = made.group
    speakers = [str(one.ip) for one in group.speakers]
    assert speakers == [OWN_IP, OTHER_IP, "192.0.2.4", "192.0.2.3"]
    listed = made.group_for(key(scope="unicast#2"))
    assert listed is not None
    assert not listed.lists(SpeakerKey(ips("192.0.2.66")[0], None))
    # Other routers of the segment are not out of place for that.
    assert not made.covers("eth0")
    assert made.group_for(key(number=7, scope="unicast")) is None
