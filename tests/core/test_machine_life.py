"""Starting, stopping, interfaces, delays and stalls: what all routers do in the same way."""

import pytest

from tests.core.machine_dialogue import CARP, JOIN, LEAVE, RELEASE, V2, V3, Router, claims, says
from vrrpwatch.core.machine.settings import CarpAdvert, Settings, VrrpAdvert
from vrrpwatch.core.machine.values import (
    Announce,
    Initialize,
    InterfaceDown,
    InterfaceUp,
    JoinGroup,
    LeaveGroup,
    PriorityChanged,
    ReleaseAddresses,
    Send,
    Shutdown,
    StandBack,
    Startup,
    TakeOver,
)

OTHER = "192.0.2.13"
WORSE: dict[Settings, VrrpAdvert | CarpAdvert] = {
    V2: VrrpAdvert(50, 1.0),
    V3: VrrpAdvert(50, 1.0),
    CARP: CarpAdvert(1, 200),
}
ALL = pytest.mark.parametrize("settings", [V2, V3, CARP], ids=["v2", "v3", "carp"])


@ALL
def test_what_has_not_started_hears_nothing_and_waits_for_nothing(settings: Settings) -> None:
    router = Router(Initialize(settings)).hears(OTHER, WORSE[settings], 1.0)
    assert (router.done, router.due, router.role) == ((), None, "Initialize")
    assert router.ticks(100.0).done == ()


@ALL
def test_to_start_twice_or_to_stop_twice_changes_nothing(settings: Settings) -> None:
    router = Router.started(settings)
    due = router.due
    assert router.told(Startup(), 1.0).done == ()
    assert router.due == due
    assert router.told(Shutdown(), 2.0).done == (LEAVE,)
    assert router.told(Shutdown(), 3.0).done == ()
    assert router.told(Startup(), 4.0).done == (JOIN,)


@ALL
def test_a_timer_that_fires_too_often_changes_nothing(settings: Settings) -> None:
    router = Router.master(settings)
    before = router.state
    assert router.ticks(3.7).done == ()
    assert router.state == before


# Interfaces.


@ALL
def test_a_master_that_loses_its_interface_lets_go_and_cannot_say_so(settings: Settings) -> None:
    router = Router.master(settings).told(InterfaceDown(), 4.0)
    assert router.done == (RELEASE, LEAVE)
    assert (router.role, router.due) == ("Initialize", None)


@ALL
def test_an_interface_that_comes_up_is_a_start(settings: Settings) -> None:
    router = Router.started(settings).told(InterfaceDown(), 1.0)
    assert router.done == (LEAVE,)
    assert router.told(InterfaceDown(), 1.5).done == ()
    assert router.told(InterfaceUp(), 2.0).done == (JOIN,)
    assert router.told(InterfaceUp(), 2.5).done == ()
    assert router.fired().role == "Master"


@ALL
def test_what_is_stopped_while_its_interface_is_down_stays_stopped(settings: Settings) -> None:
    router = Router.started(settings).told(InterfaceDown(), 1.0).told(Shutdown(), 2.0).told(InterfaceUp(), 3.0)
    assert (router.done, router.role) == ((), "Initialize")


@ALL
def test_what_is_started_while_its_interface_is_down_waits_for_it(settings: Settings) -> None:
    router = Router(Initialize(settings)).told(InterfaceDown(), 1.0).told(Startup(), 2.0)
    assert (router.done, router.due) == ((), None)
    assert router.told(InterfaceUp(), 3.0).done == (JOIN,)


# Delays.


def test_a_start_delay_comes_before_all_else() -> None:
    router = Router.started(V3._replace(start_delay=30.0), at=1.0)
    assert (router.done, router.due) == ((), 31.0)
    assert router.hears(OTHER, VrrpAdvert(200, 1.0), 20.0).done == ()
    assert router.ticks(30.9).done == ()
    assert router.ticks(31.0).done == (JOIN,)
    assert router.due == 34.609375


def test_an_owner_waits_for_its_start_delay_too() -> None:
    owner = Router.started(V3._replace(priority=255, start_delay=30.0))
    assert owner.done == ()
    assert owner.ticks(30.0).done[:2] == (JOIN, says(255))


def test_an_interface_that_flaps_begins_the_start_delay_anew() -> None:
    router = Router.started(V3._replace(start_delay=30.0)).told(InterfaceDown(), 10.0)
    assert router.due is None
    assert router.told(InterfaceUp(), 20.0).due == 50.0
    # A second word of it does not prolong it.
    assert router.told(InterfaceUp(), 25.0).due == 50.0
    assert router.told(Startup(), 26.0).due == 50.0
    assert router.told(Shutdown(), 27.0).due is None


def test_a_worse_master_is_preempted_when_the_delay_is_over_and_not_before() -> None:
    router = Router.started(V3._replace(preempt_delay=10.0))
    for second in range(1, 11):
        assert router.hears(OTHER, VrrpAdvert(50, 1.0), float(second)).role == "Backup"
    assert router.due == 11.0
    assert router.fired().role == "Master"


def test_a_worse_master_that_dies_during_the_delay_is_not_waited_for() -> None:
    router = Router.started(V3._replace(preempt_delay=60.0))
    # 2 s + 3.609375 s
    router.hears(OTHER, VrrpAdvert(50, 1.0), 1.0).hears(OTHER, VrrpAdvert(50, 1.0), 2.0)
    assert router.due == 5.609375


def test_a_delay_shorter_than_the_wait_shortens_nothing() -> None:
    router = Router.started(V3._replace(preempt_delay=0.5)).hears(OTHER, VrrpAdvert(50, 1.0), 1.0)
    assert router.due == 3.609375
    assert router.hears(OTHER, VrrpAdvert(50, 1.0), 2.0).due == 3.609375


def test_a_better_master_in_between_ends_the_delay() -> None:
    router = Router.started(V3._replace(preempt_delay=5.0)).hears(OTHER, VrrpAdvert(50, 1.0), 1.0)
    router.hears(OTHER, VrrpAdvert(200, 1.0), 2.0).hears(OTHER, VrrpAdvert(50, 1.0), 3.0)
    for second in range(4, 9):
        router.hears(OTHER, VrrpAdvert(50, 1.0), float(second))
    assert router.due == 8.0


def test_a_carp_host_preempts_when_the_delay_is_over() -> None:
    host = Router.started(CARP._replace(preempt_delay=10.0))
    for second in range(1, 11):
        assert host.hears(OTHER, CarpAdvert(1, 200), float(second)).role == "Backup"
    assert host.hears(OTHER, CarpAdvert(1, 200), 11.0).role == "Master"
    # Who says that something is wrong with him is relieved without it.
    hasty = Router.started(CARP._replace(preempt_delay=10.0)).hears(OTHER, CarpAdvert(1, 200), 1.0)
    assert hasty.hears(OTHER, CarpAdvert(1, 200, 1), 2.0).role == "Master"


# Stalls.


@pytest.mark.parametrize(
    ("settings", "limit"), [(V2, 8.21875), (V3, 8.21875), (CARP, 8.171875)], ids=["v2", "v3", "carp"]
)
def test_a_master_whose_timer_is_later_than_its_own_wait_lets_go_and_listens(settings: Settings, limit: float) -> None:
    # VRRP: master at 3.609375 s, due at 4.609375 s, and 3.609375 s late.  CARP: at 3.390625 s, due at 4.78125 s.
    assert Router.master(settings).ticks(limit).role == "Master"
    router = Router.master(settings).ticks(limit + 0.001)
    assert router.done == (RELEASE,)
    assert router.role == "Backup"
    assert router.due is not None
    assert router.due > limit + 3.3


@ALL
def test_whatever_wakes_a_stalled_master_it_lets_go_first(settings: Settings) -> None:
    assert Router.master(settings).hears(OTHER, WORSE[settings], 60.0).done == (RELEASE,)
    assert Router.master(settings).told(InterfaceDown(), 60.0).done == (RELEASE, LEAVE)


@ALL
def test_a_stalled_master_does_not_resign_what_it_has_lost(settings: Settings) -> None:
    # A resignation would make the others' backups take over from who is master now.
    assert Router.master(settings).told(Shutdown(), 60.0).done == (RELEASE, LEAVE)


@ALL
def test_a_stalled_backup_gives_the_master_its_whole_time_once_more(settings: Settings) -> None:
    router = Router.started(settings).ticks(60.0)
    assert (router.done, router.role) == ((), "Backup")
    assert router.due is not None
    assert router.due > 63.3
    assert router.fired().role == "Master"


def test_a_stalled_carp_host_preempts_nobody_for_what_lay_in_its_queue() -> None:
    host = Router.master(CARP).hears(OTHER, CarpAdvert(1, 200), 60.0)
    assert host.role == "Backup"
    assert host.hears(OTHER, CarpAdvert(1, 200), 60.0).role == "Backup"
    # 60 s + 3 x 1 s + 100/256 s
    assert host.due == 63.390625
    assert host.fired().done[0] == claims(1, 100)


def test_a_late_start_is_no_stall() -> None:
    router = Router.started(V3._replace(start_delay=1.0)).ticks(60.0)
    assert router.done == (JOIN,)


def test_a_priority_that_changes_meets_a_stall_like_anything_else() -> None:
    router = Router.master(V3).told(PriorityChanged(50), 60.0)
    assert router.done == (RELEASE,)
    assert router.state.settings == V3._replace(priority=50)


def test_effects_of_the_same_fields_are_not_the_same() -> None:
    told_apart = {ReleaseAddresses(V3.addresses), Announce(V3.addresses), JoinGroup(), LeaveGroup()}
    assert len(told_apart) == 4
    assert Announce(V3.addresses) in told_apart


@ALL
def test_a_backup_takes_over_with_those_that_go_with_it(settings: Settings) -> None:
    router = Router.started(settings).told(TakeOver(), 1.0)
    assert router.role == "Master"
    assert [type(effect).__name__ for effect in router.done] == ["Send", "AcquireAddresses", "Announce"]
    assert router.told(TakeOver(), 1.5).done == ()
    assert Router(Initialize(settings)).told(TakeOver(), 1.0).role == "Initialize"


@ALL
def test_a_master_stands_back_with_those_that_go_with_it(settings: Settings) -> None:
    router = Router.master(settings)
    assert router.due is not None
    at = router.due - 0.25
    assert router.told(StandBack(), at).done == (Send(settings.resignation), RELEASE)
    assert router.role == "Backup"
    assert router.due == pytest.approx(at + settings.down(settings.interval))


@ALL
def test_a_backup_that_stands_back_gives_its_master_its_whole_time_again(settings: Settings) -> None:
    router = Router.started(settings).told(StandBack(), 2.0)
    assert (router.done, router.role) == ((), "Backup")
    assert router.due == pytest.approx(2.0 + settings.down(settings.interval))
    assert Router(Initialize(settings)).told(StandBack(), 1.0).role == "Initialize"


def test_a_flood_of_worse_adverts_is_answered_a_hundred_times_a_second_at_most() -> None:
    router = Router.master(V3)
    assert router.due is not None
    at = router.due - 0.9
    answers = [bool(router.hears(OTHER, WORSE[V3], at + number * 0.001).done) for number in range(100)]
    assert sum(answers) == 10
    assert answers[:11] == [True] + 9 * [False] + [True]
