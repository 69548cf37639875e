"""What is programmed, repaired and removed: settings and health against what the kernel has."""

from pathlib import Path

import pytest

from tests.agent.balancing.made import (
    DIRECT,
    OTHERS,
    SERVICE,
    SYNC,
    VIP,
    FakeKernel,
    key,
    real,
    settings,
    target,
    virtual,
)
from vrrpwatch.agent.balancing import ledger
from vrrpwatch.agent.balancing.ledger import Ours
from vrrpwatch.agent.balancing.programmer import Outcome, Programmer
from vrrpwatch.agent.balancing.values import (
    PERSISTENT,
    Daemon,
    Real,
    RealKey,
    RemoveReal,
    Service,
    SetReal,
    SetService,
    StartDaemon,
    StopDaemon,
)

TWO = settings(virtual(real(21), real(22, weight=3)))
BOTH = {target(21): True, target(22): True}


@pytest.fixture
def kernel() -> FakeKernel:
    kernel = FakeKernel()
    kernel.services[OTHERS] = SERVICE
    kernel.reals[OTHERS] = {key(9, 53): Real(DIRECT, 1)}
    return kernel


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.ipvs.json"


@pytest.fixture
def programmer(kernel: FakeKernel, path: Path) -> Programmer:
    return Programmer(kernel.open, path)


def test_what_the_settings_say_is_programmed_and_nothing_is_done_twice(
    programmer: Programmer, kernel: FakeKernel
) -> None:
    first = programmer.make_so(TWO, "backup", BOTH)
    assert first.done == (
        SetService(VIP, SERVICE, fresh=True),
        SetReal(VIP, key(21), Real(DIRECT, 1), fresh=True),
        SetReal(VIP, key(22), Real(DIRECT, 3), fresh=True),
    )
    assert programmer.make_so(TWO, "backup", BOTH) == Outcome()
    assert kernel.reals[VIP] == {key(21): Real(DIRECT, 1), key(22): Real(DIRECT, 3)}


def test_methods_ports_persistence_and_both_families(programmer: Programmer, kernel: FakeKernel) -> None:
    made = settings(
        virtual(real(21, method="nat", port=8080), real(22, method="tunnel"), persistence=300, scheduler="rr"),
        {
            "address": "2001:db8::100",
            "port": 53,
            "protocol": "udp",
            "real": [{"address": "2001:db8::1", "check": False}],
        },
    )
    assert programmer.make_so(made, "backup", {target(22): True}).troubles == ()
    v4, v6 = (one for one in kernel.services if one != OTHERS)
    assert kernel.services[v4] == Service("rr", PERSISTENT, 300, 0xFFFFFFFF)
    assert (v6.protocol, str(v6.address), kernel.services[v6]) == ("udp", "2001:db8::100", Service("wlc", 0, 0, 128))
    # Of the first server nothing is known; a tunnel is 2 (IP_VS_CONN_F_TUNNEL).
    assert kernel.reals[v4] == {key(22): Real(2, 1)}
    assert kernel.reals[v6] == {RealKey(v6.address.__class__("2001:db8::1"), 53): Real(DIRECT, 1)}


def test_a_server_that_fails_is_removed_or_keeps_what_it_has(programmer: Programmer, kernel: FakeKernel) -> None:
    made = settings(virtual(real(21), real(22, failed="quiesce", weight=3)))
    programmer.make_so(made, "backup", BOTH)
    outcome = programmer.make_so(made, "backup", {target(21): False, target(22): False})
    assert outcome.done == (SetReal(VIP, key(22), Real(DIRECT, 0), fresh=False), RemoveReal(VIP, key(21)))
    programmer.make_so(made, "backup", BOTH)
    assert kernel.reals[VIP] == {key(21): Real(DIRECT, 1), key(22): Real(DIRECT, 3)}


def test_the_sorry_server_is_there_while_all_others_are_known_to_be_bad(
    programmer: Programmer, kernel: FakeKernel
) -> None:
    made = settings(virtual(real(21), real(22), sorry=real(99)))
    programmer.make_so(made, "backup", {target(21): False})
    assert kernel.reals[VIP] == {}
    outcome = programmer.make_so(made, "backup", {target(21): False, target(22): False})
    assert outcome.done == (SetReal(VIP, key(99), Real(DIRECT, 1), fresh=True),)
    outcome = programmer.make_so(made, "backup", {target(21): False, target(22): True})
    # He who takes over is there before the other one goes.
    assert outcome.done == (SetReal(VIP, key(22), Real(DIRECT, 1), fresh=True), RemoveReal(VIP, key(99)))


def test_after_a_crash_what_is_equal_is_adopted_and_the_rest_repaired(kernel: FakeKernel, path: Path) -> None:
    before = settings(virtual(real(21), real(22)), virtual(real(21), port=443), sync=SYNC)
    Programmer(kernel.open, path).make_so(before, "master", BOTH)
    # Meanwhile a server was taken out by hand, and the settings lost a virtual server and the synchronisation.
    del kernel.reals[VIP][key(22)]
    kernel.asked.clear()
    after = settings(virtual(real(21), real(22)))
    outcome = Programmer(kernel.open, path).make_so(after, "backup", {})
    assert [str(one) for one in outcome.done] == [
        "remove virtual server 192.0.2.100:443/tcp",
        "stop the master sync daemon on eth0",
    ]
    # Nothing is known of the servers yet: the one that gets connections keeps them, and the other one waits.
    assert kernel.reals[VIP] == {key(21): Real(DIRECT, 1)}
    assert OTHERS in kernel.services


def test_at_the_end_only_what_is_ours_is_removed(programmer: Programmer, kernel: FakeKernel, path: Path) -> None:
    programmer.make_so(settings(virtual(real(21)), sync=SYNC), "backup", BOTH)
    assert ledger.load(path) == Ours(frozenset({VIP}), syncs=True)
    programmer.finish()
    assert kernel.services == {OTHERS: SERVICE}
    assert kernel.daemons == {}
    assert not path.exists()


def test_a_sync_daemon_of_somebody_else_stays_where_none_is_wanted(programmer: Programmer, kernel: FakeKernel) -> None:
    kernel.daemons["master"] = theirs = Daemon("master", "eth9", 1)
    programmer.make_so(TWO, "backup", BOTH)
    programmer.finish()
    assert kernel.daemons == {"master": theirs}


def test_one_sync_daemon_at_a_time_in_the_role_that_is_followed(programmer: Programmer) -> None:
    made = settings(virtual(real(21)), sync=SYNC)
    backup, master = Daemon("backup", "eth0", 7), Daemon("master", "eth0", 7)
    assert programmer.make_so(made, "backup", BOTH).role == "backup"
    outcome = programmer.make_so(made, "master", BOTH)
    assert (outcome.done, outcome.role) == ((StopDaemon(backup), StartDaemon(master)), "master")
    moved = settings(virtual(real(21)), sync=SYNC | {"interface": "eth1"})
    assert programmer.make_so(moved, "master", BOTH).done == (
        StopDaemon(master),
        StartDaemon(Daemon("master", "eth1", 7)),
    )


def test_new_settings_change_only_what_is_another(programmer: Programmer, kernel: FakeKernel) -> None:
    programmer.make_so(TWO, "backup", BOTH)
    after = settings(virtual(real(21, weight=9), real(22, weight=3), scheduler="rr"))
    assert programmer.make_so(after, "backup", BOTH).done == (
        SetService(VIP, SERVICE._replace(scheduler="rr"), fresh=False),
        SetReal(VIP, key(21), Real(DIRECT, 9), fresh=False),
    )
    programmer.make_so(settings(), "backup", {})
    assert kernel.services == {OTHERS: SERVICE}


def test_what_is_refused_is_told_once_for_all_that_depends_on_it_and_the_rest_is_done(
    programmer: Programmer, kernel: FakeKernel
) -> None:
    made = settings(virtual(real(21), scheduler="mh"), virtual(real(21), port=443))
    outcome = programmer.make_so(made, "backup", BOTH)
    assert outcome.troubles == ("cannot add virtual server 192.0.2.100:80/tcp: ENOENT",)
    assert VIP._replace(port=443) in kernel.services
    kernel.schedulers.add("mh")
    assert programmer.make_so(made, "backup", BOTH).troubles == ()
    assert kernel.reals[VIP] == {key(21): Real(DIRECT, 1)}


def test_a_kernel_without_ipvs_is_one_line_until_there_is_one(programmer: Programmer, kernel: FakeKernel) -> None:
    kernel.absent = True
    assert programmer.make_so(TWO, "backup", BOTH) == Outcome(troubles=("this kernel has no IPVS",))
    kernel.absent = False
    assert len(programmer.make_so(TWO, "backup", BOTH).done) == 3


def test_without_settings_the_kernel_is_not_asked(programmer: Programmer, kernel: FakeKernel) -> None:
    assert programmer.make_so(settings(), "backup", {}) == Outcome()
    assert kernel.opened == 0


def test_what_a_file_lists_is_not_heeded_where_others_may_write_it(kernel: FakeKernel, path: Path) -> None:
    ledger.save(path, Ours(frozenset({OTHERS})))
    path.chmod(0o666)
    outcome = Programmer(kernel.open, path).make_so(TWO, "backup", BOTH)
    assert OTHERS in kernel.services
    assert outcome.notes == (
        f"{path}: others may write it: virtual servers of an earlier agent stay; look with ipvsadm -Ln",
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema":"vrrpwatch/agent-ipvs/1"}', "\x00", "[" * 100_000])
def test_a_file_that_makes_no_sense_is_ignored_with_a_line(kernel: FakeKernel, path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    (line,) = Programmer(kernel.open, path).make_so(TWO, "backup", BOTH).notes
    assert line.startswith(f"{path}: is no state file of IPVS (")
    assert ledger.load(path) == Ours(frozenset({VIP}))


def test_a_file_of_another_boot_says_nothing(kernel: FakeKernel, path: Path) -> None:
    ledger.save(path, Ours(frozenset({OTHERS})))
    path.write_text(path.read_text().replace('"boot": "', '"boot": "x'))
    Programmer(kernel.open, path).make_so(TWO, "backup", BOTH)
    assert OTHERS in kernel.services


def test_a_file_that_cannot_be_written_is_told_until_it_can(kernel: FakeKernel, path: Path) -> None:
    (obstacle := path.with_name(f"{path.name}.new")).mkdir()
    programmer = Programmer(kernel.open, path)
    for _ in range(2):
        (line,) = programmer.make_so(TWO, "backup", BOTH).troubles
        assert line == f"{path}: cannot be written (Is a directory): a crash could leave virtual servers behind"
    assert VIP in kernel.services
    obstacle.rmdir()
    assert programmer.make_so(TWO, "backup", BOTH).troubles == ()
    assert ledger.load(path) == Ours(frozenset({VIP}))
