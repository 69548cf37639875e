"""What a CARP host does, by the rules of OpenBSD, FreeBSD and ucarp, and where it does otherwise than these."""

import pytest

from tests.core.machine_dialogue import ANNOUNCE, CARP, JOIN, LEAVE, RELEASE, V3, VIPS, Router, claims
from vrrpwatch.core.machine.settings import CarpAdvert, CarpSettings, VrrpAdvert
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    DemotionChanged,
    Initialize,
    PriorityChanged,
    Shutdown,
)

LOWER, HIGHER = "192.0.2.11", "192.0.2.13"
FREEBSD = CARP._replace(demoted_by="advskew")
TAKES_OVER = (claims(1, 100), AcquireAddresses(VIPS, accept=True), ANNOUNCE)


@pytest.mark.parametrize(
    ("advbase", "advskew", "wait", "interval"),
    [
        (1, 0, 3.0, 1.0),
        # 3 x 1 s + 100/256 s, and 1 s + 100/256 s
        (1, 100, 3.390625, 1.390625),
        (20, 254, 60.9921875, 20.9921875),
        # OpenBSD: with advbase 0, three times the skew; 0/0 is 1/256 s
        (0, 64, 0.75, 0.25),
        (0, 0, 0.01171875, 0.00390625),
    ],
)
def test_a_backup_waits_three_bases_and_its_skew_and_a_master_a_base_and_its_skew(
    advbase: int, advskew: int, wait: float, interval: float
) -> None:
    host = Router.started(CARP._replace(advbase=advbase, advskew=advskew))
    assert (host.done, host.due) == ((JOIN,), wait)
    assert host.fired().due == wait + interval
    assert host.fired().done == (claims(advbase, advskew),)


def test_a_host_that_takes_over_speaks_acquires_and_announces() -> None:
    assert Router.started(CARP).fired().done == TAKES_OVER


def test_a_backup_heeds_a_better_or_equal_master() -> None:
    assert Router.started(CARP).hears(HIGHER, CarpAdvert(1, 99), 2.0).due == 5.390625
    assert Router.started(CARP).hears(HIGHER, CarpAdvert(1, 100), 2.0).due == 5.390625


def test_a_backup_that_preempts_takes_over_from_a_worse_master_at_once() -> None:
    assert Router.started(CARP).hears(LOWER, CarpAdvert(1, 101), 2.0).done == TAKES_OVER


def test_a_backup_that_does_not_preempt_heeds_a_worse_master() -> None:
    host = Router.started(CARP._replace(preempt=False)).hears(LOWER, CarpAdvert(1, 200), 2.0)
    assert host.due == 5.390625


def test_a_master_too_slow_for_a_better_backup_is_timed_out_at_once() -> None:
    # 3 x 1 s + 100/256 s is less than 3 s + 101/256 s
    still = CARP._replace(preempt=False)
    assert Router.started(still).hears(LOWER, CarpAdvert(3, 100), 2.0).role == "Backup"
    assert Router.started(still).hears(LOWER, CarpAdvert(3, 101), 2.0).done == TAKES_OVER


def test_a_master_too_slow_for_a_worse_backup_is_waited_for() -> None:
    # Its counter makes the backup the worse one; 3 x 5 s + 100/256 s
    host = Router.started(CARP._replace(demotion=1)).hears(LOWER, CarpAdvert(5, 0), 2.0)
    assert host.due == 17.390625


def test_a_master_yields_to_a_better_one() -> None:
    host = Router.master(CARP).hears(HIGHER, CarpAdvert(1, 99), 4.0)
    assert host.done == (RELEASE,)
    assert host.due == 7.390625


def test_of_equal_masters_the_one_with_the_lower_address_stays() -> None:
    assert Router.master(CARP).hears(LOWER, CarpAdvert(1, 100), 4.0).done == (RELEASE,)
    assert Router.master(CARP).hears(HIGHER, CarpAdvert(1, 100), 4.0).role == "Master"


def test_a_smaller_base_is_better_whatever_the_skew() -> None:
    assert Router.master(CARP._replace(advbase=2, advskew=0)).hears(HIGHER, CarpAdvert(1, 254), 7.0).done == (RELEASE,)


def test_a_master_that_hears_a_worse_one_announces_again_and_may_answer() -> None:
    assert Router.master(CARP).hears(LOWER, CarpAdvert(1, 101), 4.0).done == (ANNOUNCE,)
    answering = Router.master(CARP._replace(answers=True))
    assert answering.hears(LOWER, CarpAdvert(1, 101), 4.0).done == (claims(1, 100), ANNOUNCE)


def test_a_master_that_is_shut_down_bows_out() -> None:
    host = Router.master(CARP).told(Shutdown(), 4.0)
    assert host.done == (claims(255, 255), RELEASE, LEAVE)
    assert host.state == Initialize(CARP)


def test_when_a_master_bows_out_a_backup_waits_its_skew() -> None:
    # 100/256 s
    for preempt in (True, False):
        host = Router.started(CARP._replace(preempt=preempt)).hears(LOWER, CarpAdvert(255, 255), 2.0)
        assert host.due == 2.390625


def test_when_another_bows_out_a_master_says_that_it_is_there() -> None:
    host = Router.master(CARP).hears(LOWER, CarpAdvert(255, 255), 4.0)
    assert host.done == (claims(1, 100),)
    assert host.due == 5.390625


# Demotion.


def test_openbsds_counter_ranks_before_base_and_skew() -> None:
    assert Router.started(CARP._replace(preempt=False)).hears(LOWER, CarpAdvert(1, 0, 1), 2.0).done == TAKES_OVER
    assert Router.master(CARP).hears(LOWER, CarpAdvert(1, 0, 1), 4.0).role == "Master"
    assert Router.master(CARP._replace(demotion=1)).hears(HIGHER, CarpAdvert(1, 200), 4.0).done == (RELEASE,)


def test_freebsds_demotion_raises_the_skew_to_240_at_most() -> None:
    assert Router.master(FREEBSD._replace(demotion=50)).done[0] == claims(1, 150)
    assert Router.master(FREEBSD._replace(demotion=240)).done[0] == claims(1, 240)
    assert Router.master(FREEBSD._replace(advskew=250, demotion=1)).done[0] == claims(1, 250)


def test_where_the_skew_says_it_the_counters_field_is_padding() -> None:
    assert Router.started(FREEBSD).hears(LOWER, CarpAdvert(1, 99, 7), 2.0).due == 5.390625


def test_a_master_that_is_demoted_says_so_at_once() -> None:
    assert Router.master(CARP).told(DemotionChanged(1), 4.0).done == (claims(1, 100, 1),)
    host = Router.master(FREEBSD).told(DemotionChanged(100), 4.0)
    assert host.done == (claims(1, 200),)
    # 4 s + 1 s + 200/256 s
    assert host.due == 5.78125


def test_a_backup_that_is_demoted_keeps_quiet() -> None:
    host = Router.started(CARP).told(DemotionChanged(300), 1.0)
    assert host.done == ()
    assert host.state.settings == CARP._replace(demotion=255)


# What one protocol has and the other has not.


def test_a_change_that_the_protocol_has_no_word_for_is_refused() -> None:
    with pytest.raises(ValueError, match="a CARP host has no priority"):
        Router.started(CARP).told(PriorityChanged(50), 1.0)
    with pytest.raises(ValueError, match="a VRRP router has no demotion counter"):
        Router.started(V3).told(DemotionChanged(1), 1.0)


def test_the_other_protocols_adverts_are_not_heeded() -> None:
    assert Router.started(CARP).hears(LOWER, VrrpAdvert(255, 1.0), 2.0).due == 3.390625
    assert Router.started(V3).hears(LOWER, CarpAdvert(1, 0), 2.0).due == 3.609375


def test_families() -> None:
    assert isinstance(CARP, CarpSettings)
    assert (CARP.family, V3.family, CARP.owner) == (4, 4, False)
