"""RFC 3768 §6.4 and RFC 9568 §6.4, demand by demand: what a VRRP router of either version and family does."""

import pytest

from tests.core.machine_dialogue import ACQUIRE, ANNOUNCE, JOIN, LEAVE, RELEASE, V2, V3, V6, VIPS, VIPS6, Router, says
from vrrpwatch.core.machine.settings import VrrpAdvert, VrrpSettings
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    Announce,
    Backup,
    Initialize,
    Master,
    PriorityChanged,
    ReleaseAddresses,
    Shutdown,
)

LOWER, HIGHER = "192.0.2.11", "192.0.2.13"
BOTH = pytest.mark.parametrize("settings", [V2, V3], ids=["v2", "v3"])
ALL = pytest.mark.parametrize("settings", [V2, V3, V6], ids=["v2", "v3", "v6"])


# {Initialize}: RFC 3768 §6.4.1, RFC 9568 §6.4.1.


@ALL
def test_an_owner_that_starts_is_master_at_once(settings: VrrpSettings) -> None:
    owner = Router.started(settings._replace(priority=255), at=5.0)
    vips = settings.addresses
    assert owner.done == (JOIN, says(255), AcquireAddresses(vips, accept=True), Announce(vips))
    assert owner.state == Master(settings._replace(priority=255), 6_000_000_000)


@ALL
def test_any_other_that_starts_waits_its_master_down_interval(settings: VrrpSettings) -> None:
    # 3 x 1 s + (256 - 100)/256 s
    router = Router.started(settings, at=5.0)
    assert router.done == (JOIN,)
    assert router.state == Backup(settings, 8_609_375_000, 1.0)


@pytest.mark.parametrize(
    ("version", "priority", "interval", "down"),
    [
        # (256 - 254)/256 of a second, and of an interval
        (2, 254, 3.0, 9.0078125),
        (3, 254, 3.0, 9.0234375),
        # 255/256
        (2, 1, 1.0, 3.99609375),
        (3, 1, 0.1, 0.399609375),
        # the shortest and the longest interval that 12 bits of centiseconds hold
        (3, 100, 0.01, 0.03609375),
        (3, 100, 40.95, 147.80390625),
    ],
)
def test_the_skew_is_of_a_second_in_version_2_and_of_the_interval_in_version_3(
    version: int, priority: int, interval: float, down: float
) -> None:
    settings = (V2 if version == 2 else V3)._replace(priority=priority, interval=interval)
    assert Router.started(settings).due == pytest.approx(down, abs=1e-9)


# {Backup}: §6.4.2.


@ALL
def test_a_backup_holds_nothing_and_says_nothing(settings: VrrpSettings) -> None:
    router = Router.started(settings)
    for second in range(1, 60):
        assert router.hears("192.0.2.13", VrrpAdvert(200, 1.0), float(second)).done == ()
        assert router.ticks(second + 0.5).done == ()
    assert router.role == "Backup"


@BOTH
def test_a_backup_that_is_shut_down_only_leaves(settings: VrrpSettings) -> None:
    router = Router.started(settings).told(Shutdown(), 1.0)
    assert router.done == (LEAVE,)
    assert router.state == Initialize(settings)
    assert router.due is None


@BOTH
def test_a_backup_whose_master_is_down_speaks_acquires_and_announces_in_this_order(settings: VrrpSettings) -> None:
    router = Router.started(settings).ticks(3.609375)
    assert router.done == (says(100), ACQUIRE, ANNOUNCE)
    assert router.state == Master(settings, 4_609_375_000)


def test_on_ipv6_all_addresses_are_acquired_and_announced() -> None:
    router = Router.started(V6).fired()
    assert router.done == (says(100), AcquireAddresses(VIPS6, accept=False), Announce(VIPS6))


@BOTH
def test_a_backup_is_never_early(settings: VrrpSettings) -> None:
    router = Router.started(settings).ticks(3.609374999)
    assert router.role == "Backup"
    assert router.done == ()


@BOTH
def test_after_a_resignation_a_backup_waits_its_skew_only(settings: VrrpSettings) -> None:
    # 156/256 s
    router = Router.started(settings).hears(HIGHER, VrrpAdvert(0, 1.0), 1.0)
    assert router.due == 1.609375


def test_in_version_3_the_skew_after_a_resignation_is_of_the_masters_interval() -> None:
    # 156/256 of 0.5 s
    router = Router.started(V3).hears(HIGHER, VrrpAdvert(200, 0.5), 1.0).hears(HIGHER, VrrpAdvert(0, 0.5), 1.2)
    assert router.due == 1.5046875


@BOTH
@pytest.mark.parametrize("priority", [100, 101, 255])
def test_a_backup_heeds_an_equal_or_a_better_master(settings: VrrpSettings, priority: int) -> None:
    # 2 s + 3.609375 s; the address is of no account to a backup.
    router = Router.started(settings).hears(LOWER, VrrpAdvert(priority, 1.0), 2.0)
    assert router.due == 5.609375
    assert router.done == ()


def test_in_version_3_a_backup_adopts_the_masters_interval() -> None:
    # 2 s + 3 x 0.5 s + 156/256 x 0.5 s
    router = Router.started(V3).hears(HIGHER, VrrpAdvert(200, 0.5), 2.0)
    assert router.due == 3.8046875


def test_a_master_keeps_its_own_interval_whatever_it_adopted_before() -> None:
    router = Router.started(V3).hears(HIGHER, VrrpAdvert(200, 0.5), 2.0).fired()
    assert router.done[0] == says(100, 1.0)
    assert router.due == 4.8046875


@BOTH
def test_a_backup_that_preempts_discards_a_worse_master(settings: VrrpSettings) -> None:
    router = Router.started(settings).hears(HIGHER, VrrpAdvert(99, 1.0), 2.0)
    assert router.due == 3.609375


@BOTH
def test_a_backup_that_does_not_preempt_heeds_a_worse_master(settings: VrrpSettings) -> None:
    router = Router.started(settings._replace(preempt=False)).hears(LOWER, VrrpAdvert(1, 1.0), 2.0)
    assert router.due == 5.609375


def test_an_owner_preempts_whatever_is_configured() -> None:
    owner = Router.started(V3._replace(priority=255, preempt=False, preempt_delay=60.0))
    # Only a stall makes a backup of an owner: 3 x 1 s + 1/256 s.
    owner.ticks(60.0).hears(LOWER, VrrpAdvert(200, 1.0), 61.0)
    assert owner.role == "Backup"
    assert owner.due == 63.00390625


# {Master}: §6.4.3.


@BOTH
def test_a_master_accepts_packets_to_the_addresses_only_as_owner_or_where_told_to(settings: VrrpSettings) -> None:
    assert Router.master(settings).done[1] == AcquireAddresses(VIPS, accept=False)
    assert Router.master(settings._replace(accept=True)).done[1] == AcquireAddresses(VIPS, accept=True)
    assert Router.master(settings._replace(priority=255)).done[2] == AcquireAddresses(VIPS, accept=True)


@ALL
def test_a_master_holds_the_addresses_until_it_lets_go(settings: VrrpSettings) -> None:
    router = Router.master(settings)
    for _ in range(60):
        assert router.fired().done == (says(100),)
    router.told(Shutdown(), 64.0)
    assert router.done == (says(0), ReleaseAddresses(settings.addresses), LEAVE)


@BOTH
def test_a_master_that_is_shut_down_resigns(settings: VrrpSettings) -> None:
    router = Router.master(settings).told(Shutdown(), 4.0)
    assert router.done == (says(0), RELEASE, LEAVE)
    assert router.state == Initialize(settings)


@BOTH
def test_a_master_advertises_every_interval(settings: VrrpSettings) -> None:
    router = Router.master(settings).ticks(4.609375)
    assert router.done == (says(100),)
    assert router.due == 5.609375


@BOTH
def test_a_master_answers_a_resignation_and_begins_its_interval_anew(settings: VrrpSettings) -> None:
    router = Router.master(settings).hears(HIGHER, VrrpAdvert(0, 1.0), 4.0)
    assert router.done == (says(100),)
    assert router.state == Master(settings, 5_000_000_000)


@BOTH
def test_a_master_yields_to_a_higher_priority(settings: VrrpSettings) -> None:
    router = Router.master(settings).hears(LOWER, VrrpAdvert(101, 1.0), 4.0)
    assert router.done == (RELEASE,)
    assert router.state == Backup(settings, 7_609_375_000, 1.0)


def test_in_version_3_a_master_that_yields_adopts_the_others_interval() -> None:
    # 4 s + 3 x 2 s + 156/256 x 2 s
    router = Router.master(V3).hears(LOWER, VrrpAdvert(101, 2.0), 4.0)
    assert router.due == 11.21875


@BOTH
def test_of_equal_masters_the_one_with_the_higher_address_stays(settings: VrrpSettings) -> None:
    assert Router.master(settings).hears(HIGHER, VrrpAdvert(100, 1.0), 4.0).done == (RELEASE,)
    assert Router.master(settings).hears(LOWER, VrrpAdvert(100, 1.0), 4.0).role == "Master"


def test_addresses_are_compared_as_unsigned_integers() -> None:
    # As text 192.0.2.9 is the greater, as is a byte of 200 for who takes it for a signed one.
    assert Router.master(V3).hears("192.0.2.9", VrrpAdvert(100, 1.0), 4.0).role == "Master"
    assert Router.master(V3).hears("192.0.2.200", VrrpAdvert(100, 1.0), 4.0).role == "Backup"
    assert Router.master(V6).hears("fe80::9", VrrpAdvert(100, 1.0), 4.0).role == "Master"
    assert Router.master(V6).hears("fe80::f012", VrrpAdvert(100, 1.0), 4.0).role == "Backup"


def test_in_version_2_a_master_discards_a_worse_advert() -> None:
    router = Router.master(V2).hears(HIGHER, VrrpAdvert(99, 1.0), 4.0)
    assert router.done == ()
    assert router.due == 4.609375


def test_in_version_3_a_master_answers_a_worse_advert_at_once() -> None:
    router = Router.master(V3).hears(HIGHER, VrrpAdvert(99, 1.0), 4.0)
    assert router.done == (says(100),)
    # The Adver_Timer runs on.
    assert router.due == 4.609375


def test_whether_a_worse_advert_is_answered_may_be_configured() -> None:
    assert Router.master(V2._replace(answers=True)).hears(LOWER, VrrpAdvert(99, 1.0), 4.0).done == (says(100),)
    assert Router.master(V3._replace(answers=False)).hears(LOWER, VrrpAdvert(99, 1.0), 4.0).done == ()


# What is heeded at all: RFC 3768 §7.1, RFC 9568 §7.1.


def test_in_version_2_another_interval_than_ones_own_is_discarded() -> None:
    assert Router.started(V2).hears(HIGHER, VrrpAdvert(200, 2.0), 2.0).due == 3.609375
    assert Router.master(V2).hears(HIGHER, VrrpAdvert(200, 2.0), 4.0).role == "Master"


def test_in_version_2_an_owner_discards_every_advert() -> None:
    owner = Router.master(V2._replace(priority=255))
    assert owner.hears(HIGHER, VrrpAdvert(255, 1.0), 0.5).role == "Master"
    assert owner.hears(HIGHER, VrrpAdvert(0, 1.0), 0.5).done == ()


def test_in_version_3_an_interval_of_zero_is_discarded() -> None:
    router = Router.started(V3).hears(HIGHER, VrrpAdvert(200, 0.0), 2.0)
    assert router.due == 3.609375


@ALL
def test_an_advert_of_ones_own_that_comes_back_is_not_answered(settings: VrrpSettings) -> None:
    router = Router.master(settings).hears(str(settings.address), VrrpAdvert(99, 1.0), 4.0)
    assert router.done == ()
    assert router.role == "Master"


# Priorities that change: the standards are silent.


def test_a_drained_master_goes_on_until_a_better_one_has_spoken() -> None:
    master = Router.master(V3._replace(priority=200))
    backup = Router.started(V3).hears(HIGHER, VrrpAdvert(200, 1.0), 4.0)
    assert master.told(PriorityChanged(50), 4.1).done == ()
    assert master.fired().done == (says(50),)
    # The backup heeds it no longer: 4 s + 3.609375 s.
    assert backup.hears(HIGHER, VrrpAdvert(50, 1.0), 4.3).due == 7.609375
    assert backup.fired().done[0] == says(100)
    assert master.role == "Master"
    assert master.hears(LOWER, VrrpAdvert(100, 1.0), 5.2).done == (RELEASE,)


def test_a_priority_counts_from_the_next_advert_on() -> None:
    router = Router.started(V3).told(PriorityChanged(254), 1.0)
    assert router.due == 3.609375
    # 2 s + 3 x 1 s + 2/256 s
    assert router.hears(HIGHER, VrrpAdvert(254, 1.0), 2.0).due == 5.0078125


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (255, 254), (1000, 254), (77, 77)])
def test_no_tracker_makes_an_owner_or_a_resignation_of_a_priority(asked: int, given: int) -> None:
    assert Router.started(V3).told(PriorityChanged(asked), 1.0).state.settings == V3._replace(priority=given)


def test_an_owners_priority_stays_255() -> None:
    owner = Router.master(V3._replace(priority=255)).told(PriorityChanged(100), 0.5)
    assert owner.fired().done == (says(255),)
