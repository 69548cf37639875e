"""The routers of a host together: elections, faults, sync groups, draining, reload; all on a virtual clock."""

from ipaddress import ip_address

import pytest

from tests.agent.ether import Ether, Station, router, settings
from vrrpwatch.agent.member import Member
from vrrpwatch.agent.ports import Heard
from vrrpwatch.core.machine.settings import VrrpAdvert
from vrrpwatch.core.model import nanoseconds


def pair(a: int = 150, b: int = 100) -> tuple[Ether, Station, Station]:
    ether = Ether()
    alpha = ether.station(settings(router("web", a))).start()
    beta = ether.station(settings(router("web", b))).start()
    ether.run(10)
    return ether, alpha, beta


def test_the_better_one_becomes_master_and_the_other_backup() -> None:
    _, alpha, beta = pair()
    assert (alpha.states(), beta.states()) == ({"web": "master"}, {"web": "backup"})
    assert (alpha.held, beta.held) == ({"web"}, set())
    assert [(one.was, one.state) for one in alpha.changes] == [("stop", "backup"), ("backup", "master")]


def test_a_crash_is_followed_by_a_takeover_after_the_master_down_interval() -> None:
    ether, alpha, beta = pair()
    last = alpha.said[-1][0]
    alpha.dead = True
    ether.run(5)
    # RFC 9568 §6.1: 3 x 1 s + (256 - 100)/256 s, from when the advert arrived.
    assert beta.said[0][0] == pytest.approx(last + 0.0002 + 3.609375, abs=1e-6)
    assert beta.held == {"web"}


def test_a_stop_resigns_and_the_backup_waits_its_skew_only() -> None:
    ether, alpha, beta = pair()
    stopped = ether.now
    alpha.node.stop(ether.now)
    assert alpha.said[-1][2] == VrrpAdvert(0, 1.0)
    assert (alpha.held, alpha.joined, alpha.states()) == (set(), set(), {"web": "stop"})
    ether.run(2)
    assert beta.said[0][0] == pytest.approx(stopped / 1e9 + 0.0002 + 156 / 256, abs=1e-6)


def test_a_takeover_announces_in_a_burst_and_in_another_later() -> None:
    ether = Ether()
    config = settings(router("web", announce={"repeat": 3, "delay": 5, "refresh": 60}))
    alone = ether.station(config).start()
    ether.run(200)
    at = alone.said[0][0]
    offsets = [round(when - at, 6) for when, _ in alone.announced]
    assert offsets == [0, 0.02, 0.04, 5, 5.02, 5.04, 60, 120, 180]


def test_announcements_end_with_the_mastership() -> None:
    ether, alpha, beta = pair()
    beta.announced.clear()
    alpha.node.drain(["web"], ether.now)
    ether.run(3.65)
    assert beta.states() == {"web": "master"}
    alpha.node.undrain(["web"], ether.now)
    ether.run(30)
    assert beta.states() == {"web": "backup"}
    count = len(beta.announced)
    ether.run(30)
    assert len(beta.announced) == count


def test_a_drained_master_goes_on_until_it_is_relieved() -> None:
    ether, alpha, beta = pair()
    alpha.node.drain(["web"], ether.now)
    ether.run(2.5)
    assert alpha.said[-1][2] == VrrpAdvert(1, 1.0)
    assert (alpha.held, beta.held) == ({"web"}, set())
    ether.run(2)
    assert (alpha.held, beta.held) == ({"web"}, {"web"}), "it lingers until its handover ends"
    assert alpha.handing.done[-1] == ("linger", "web")
    assert [one for one in beta.handing.done if one[0] != "resume"][-1] == ("relieved", "web")
    assert ("guide", "web 192.0.2.1") in beta.handing.done
    assert alpha.said[-1][2] == VrrpAdvert(1, 1.0), "it never resigned"
    assert (alpha.states(), alpha.node.members["web"].rank) == ({"web": "backup"}, 1)
    beta.dead = True
    ether.run(5)
    assert alpha.held == {"web"}, "the last one left takes over, drained or not"


def test_a_drained_owner_resigns_and_comes_back_when_undrained() -> None:
    ether, alpha, beta = pair(a=255)
    assert alpha.held == {"web"}
    alpha.node.drain(["web"], ether.now)
    assert (alpha.held, alpha.said[-1][2]) == (set(), VrrpAdvert(0, 1.0))
    ether.run(1)
    assert beta.held == {"web"}
    alpha.node.undrain(["web"], ether.now)
    ether.run(1)
    assert (alpha.held, beta.held) == ({"web"}, set())


def test_a_drained_router_stays_drained_when_its_settings_change() -> None:
    ether, alpha, beta = pair()
    alpha.node.drain(["web"], ether.now)
    ether.run(10)
    changed = settings(router("web", 150, interval=2.0), router("new", 150, interface="eth1"))
    fresh = alpha.node.replace(changed, ether.now).fresh
    alpha.up()
    alpha.node.start(ether.now, fresh)
    ether.run(10)
    assert (alpha.states()["web"], beta.states()) == ("backup", {"web": "master"})
    assert (alpha.node.members["web"].rank, alpha.node.members["new"].rank) == (1, 150)


def test_what_happens_to_one_router_is_no_work_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ether = Ether()
    numbers = range(1, 256)
    many = [router(f"r{number}", id=number, addresses=[f"192.0.2.{number}/24"]) for number in numbers]
    alpha = ether.station(settings(*many, sync=[{"name": "edge", "routers": ["r1", "r2"]}])).start()
    asked = []
    plain = Member.own_faults

    def counted(member: Member) -> tuple[str, ...]:
        asked.append(member.name)
        return plain(member)

    monkeypatch.setattr(Member, "own_faults", counted)
    alpha.node.attach("r9", "eth0 is down", ether.now)
    assert set(asked) == {"r9"}
    asked.clear()
    alpha.node.attach("r1", "eth0 is down", ether.now)
    assert set(asked) == {"r1", "r2"}, "those that go with it cannot run either"
    assert alpha.states()["r2"] == "fault"


def test_a_master_whom_nobody_can_hear_lets_go_and_tries_again() -> None:
    ether, alpha, beta = pair()
    alpha.refused = "Operation not permitted"
    # 3 x 1 s + (256 - 150)/256 s after the first advert that was refused: by then beta has taken over.
    ether.run(5.5)
    assert (alpha.held, beta.held) == (set(), {"web"})
    assert alpha.states() == {"web": "fault"}
    assert alpha.node.members["web"].faults() == ("no advertisement can be sent: Operation not permitted",)
    beta.dead = True
    ether.run(40)
    assert alpha.held == set(), "it tried, and could not"
    acquired = len(alpha.announced)
    ether.run(60)
    assert (len(alpha.announced), alpha.held) == (acquired, set()), "nobody is told that the address is here"
    alpha.refused = None
    ether.run(40)
    assert alpha.held == {"web"}


def test_an_advert_or_two_that_cannot_be_sent_change_nothing() -> None:
    ether, alpha, beta = pair()
    alpha.refused = "No buffer space available"
    ether.run(2.5)
    alpha.refused = None
    ether.run(10)
    assert (alpha.held, beta.held) == ({"web"}, set())
    assert alpha.node.members["web"].changes == 2


def test_what_could_not_be_sent_long_ago_counts_for_nothing() -> None:
    ether, alpha, beta = pair()
    alpha.refused = "No buffer space available"
    ether.run(1.5)
    alpha.node.drain(["web"], ether.now)
    alpha.node.stop(ether.now)
    alpha.refused = None
    alpha.node.start(ether.now)
    ether.run(60)
    assert beta.held == {"web"}
    alpha.refused = "No buffer space available"
    beta.dead = True
    ether.run(4.5)
    alpha.refused = None
    ether.run(10)
    assert alpha.held == {"web"}


def test_a_lost_interface_is_a_fault_and_its_return_an_end_of_it() -> None:
    ether, alpha, beta = pair()
    alpha.node.attach("web", "eth0 is down", ether.now)
    assert (alpha.states(), alpha.held) == ({"web": "fault"}, set())
    assert alpha.changes[-1].why == "eth0 is down"
    ether.run(5)
    assert beta.held == {"web"}
    alpha.up()
    ether.run(5)
    assert (alpha.held, beta.held) == ({"web"}, set())


def tracked(weight: int) -> tuple[Ether, Station, Station]:
    ether = Ether()
    check = {"name": "check", "type": "tcp", "host": "127.0.0.1", "port": 80}
    config = settings(router("web", 150, track=[{"name": "check", "weight": weight}]), tracker=[check])
    alpha = ether.station(config).start()
    beta = ether.station(settings(router("web", 100))).start()
    return ether, alpha, beta


def test_nothing_runs_before_its_trackers_have_said_something() -> None:
    ether, alpha, _ = tracked(0)
    ether.run(5)
    assert alpha.states() == {"web": "fault"}
    assert alpha.node.members["web"].faults() == ("check: nothing is known of it yet",)
    alpha.judged("check", good=True)
    ether.run(5)
    assert alpha.held == {"web"}


def test_a_failed_tracker_without_a_weight_is_a_fault_and_resigns() -> None:
    ether, alpha, beta = tracked(0)
    alpha.judged("check", good=True)
    ether.run(10)
    alpha.judged("check", good=False)
    assert (alpha.states(), alpha.said[-1][2]) == ({"web": "fault"}, VrrpAdvert(0, 1.0))
    ether.run(1)
    assert beta.held == {"web"}


def test_a_failed_tracker_with_a_weight_lowers_the_priority_at_once() -> None:
    ether, alpha, beta = tracked(-60)
    alpha.judged("check", good=True)
    ether.run(10)
    alpha.judged("check", good=False)
    assert (alpha.node.members["web"].rank, alpha.held) == (90, {"web"})
    ether.run(5)
    assert (alpha.held, beta.held) == (set(), {"web"})
    alpha.judged("check", good=True)
    ether.run(5)
    assert alpha.held == {"web"}


def synced(a: int, b: int) -> tuple[Ether, Station, Station]:
    """Two hosts, each with a router on each of two networks that go together."""
    ether = Ether()
    alpha, beta = (
        ether.station(
            settings(
                router("in", priority),
                router("out", priority, interface="eth1"),
                sync=[{"name": "both", "routers": ["in", "out"]}],
            )
        ).start()
        for priority in (a, b)
    )
    ether.run(10)
    return ether, alpha, beta


def test_a_sync_group_moves_as_one_when_one_of_its_networks_fails() -> None:
    ether, alpha, beta = synced(150, 100)
    assert (alpha.held, beta.held) == ({"in", "out"}, set())
    alpha.node.attach("out", "eth1 is down", ether.now)
    assert (alpha.held, alpha.states()) == (set(), {"in": "fault", "out": "fault"})
    ether.run(4)
    assert beta.held == {"in", "out"}
    assert [(one.kind, one.state) for one in beta.changes if one.kind == "GROUP"] == [
        ("GROUP", "backup"),
        ("GROUP", "master"),
    ]
    alpha.up("out")
    ether.run(10)
    assert (alpha.held, beta.held) == ({"in", "out"}, set())


def test_a_sync_group_takes_over_only_when_all_of_it_would() -> None:
    ether, alpha, beta = synced(150, 100)
    ether.cut.add("eth1")
    ether.run(20)
    # What is cut off on one network only stays with the master of the other: it is heard there.
    assert (alpha.held, beta.held) == ({"in", "out"}, set())
    ether.cut.add("eth0")
    ether.run(10)
    assert beta.held == {"in", "out"}


def test_a_sync_group_is_drained_as_one() -> None:
    ether, alpha, beta = synced(150, 100)
    alpha.node.drain(["in"], ether.now)
    ether.run(10)
    assert beta.held == {"in", "out"}
    assert {one for one in alpha.handing.done if one[0] == "linger"} == {("linger", "in"), ("linger", "out")}


def test_a_drained_master_that_dies_is_not_waited_for() -> None:
    ether, alpha, beta = pair()
    alpha.node.drain(["web"], ether.now)
    ether.run(1.2)
    alpha.dead = True
    ether.run(5)
    assert beta.held == {"web"}
    assert ("forget", "web") in beta.handing.done
    assert ("relieved", "web") not in beta.handing.done


def test_what_a_reload_does_not_change_runs_on() -> None:
    ether = Ether()
    one, two = router("one", id=1), router("two", id=2)
    alone = ether.station(settings(one, two)).start()
    ether.run(10)
    assert alone.held == {"one", "two"}
    said = len(alone.said)
    again = two | {"interval": 2.0}
    gone, fresh, _ = alone.node.replace(settings(one, again, router("three", id=3)), ether.now)
    assert (set(gone), set(fresh)) == ({"two"}, {"two", "three"})
    assert (alone.held, len(alone.said)) == ({"one"}, said + 1), "only the changed one resigned"
    alone.up("two", "three")
    ether.run(10)
    assert alone.held == {"one"}, "what is new waits for permission to speak"
    alone.node.start(ether.now, ["two", "three"])
    ether.run(10)
    assert alone.held == {"one", "two", "three"}
    assert [one.state for one in alone.changes if one.name == "one"] == ["backup", "master"]


def test_a_stall_lets_go_before_anything_else() -> None:
    ether, alpha, beta = pair()
    alpha.dead = True
    ether.run(8)
    assert beta.held == {"web"}
    alpha.dead = False
    alpha.node.wake(ether.now)
    assert alpha.held == set()
    beta.node.stop(ether.now)
    ether.run(10)
    assert alpha.held == {"web"}


def test_a_master_that_stood_still_answers_nobody_who_came_meanwhile() -> None:
    ether, alpha, beta = pair()
    alpha.dead = True
    ether.run(8)
    alpha.said.clear()
    first = next(at for at, _, _ in beta.said)
    waiting = Heard("web", ip_address(beta.source), VrrpAdvert(100, 1.0), nanoseconds(first))
    alpha.node.rouse(ether.now)
    alpha.node.hear(waiting, ether.now)
    assert (alpha.said, alpha.held, alpha.changes[-1].why) == ([], set(), "this host stood still")
    # Who was late by less goes on, and answers: RFC 9568 §6.4.3.
    beta.node.rouse(ether.now)
    assert beta.held == {"web"}


def test_the_timers_do_not_pile_up() -> None:
    ether, _, beta = pair()
    ether.run(600)
    assert len(beta.node._timers) <= 2


def test_a_running_router_takes_another_priority_on_without_resigning() -> None:
    ether, alpha, beta = pair()
    said = len(alpha.said)
    check = {"name": "check", "type": "tcp", "host": "127.0.0.1", "port": 80}
    track = [{"name": "check", "weight": -60}]
    replaced = alpha.node.replace(settings(router("web", 140, track=track), tracker=[check]), ether.now)
    assert (replaced.gone, replaced.fresh, set(replaced.adjusted)) == (frozenset(), frozenset(), {"web"})
    ether.run(2)
    assert (alpha.states(), alpha.held) == ({"web": "master"}, {"web"})
    assert {advert for _, _, advert in alpha.said[said:]} == {VrrpAdvert(140, 1.0)}, "nothing is known of check yet"
    alpha.judged("check", good=False)
    ether.run(5)
    assert (alpha.node.members["web"].rank, beta.held) == (80, {"web"})


def test_a_sync_group_with_an_owner_begins_as_one() -> None:
    ether = Ether()
    alpha = ether.station(
        settings(
            router("in", 255),
            router("out", 150, interface="eth1"),
            sync=[{"name": "both", "routers": ["in", "out"]}],
        )
    ).start()
    assert alpha.states() == {"in": "master", "out": "master"}
