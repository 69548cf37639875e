"""Rules that are applied to a kernel: kept if a person confirms them, else gone without a trace, whatever happens."""

import json
import os
import signal
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from tests.lab.applying import PROVABLE, Firewall, Terminal, kill_at_random
from tests.lab.network import Lab, missing
from tests.lab.waiting import wait_until
from vrrpwatch.cli.store import store

REASON = missing("nft", "iptables", "iptables-legacy", "ip6tables", "ebtables", "setsid", "unshare")
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.bridge("lan")
        yield made


@pytest.fixture
def firewall(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Firewall]:
    number = len(lab.hosts)
    host = lab.host(f"h{number}", number)
    lab.attach(host, number, bridge="lan", interface="eth1", card=1, port=f"lan1-{host.name}")
    made = Firewall(host)
    made.load_others()
    yield made
    made.close()
    wait_until(lambda: not made.guardians(), at_most=60, what=f"the guardians of {request.node.name} to end")


def told(firewall: Firewall) -> list[tuple[str, str]]:
    """What the store has: action and reason."""
    done = CliRunner().invoke(store, ["export", "--store", str(firewall.store), "--table", "rules"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [(row["action"], row["reason"]) for row in rows]


@pytest.mark.parametrize("backend", PROVABLE)
def test_rules_that_nobody_confirms_are_rolled_back(firewall: Firewall, backend: str) -> None:
    before = firewall.running()
    process = firewall.apply("--confirm-within", "1s", str(firewall.rules("new", backend)))
    assert firewall.running() != before
    assert process.wait(timeout=30) == 1
    assert firewall.said.endswith("new: rolled-back: not confirmed within 1 s\n")
    assert firewall.running() == before
    assert told(firewall) == [
        ("applied", "to be confirmed within 1 s"),
        ("rolled-back", "not confirmed within 1 s"),
    ]


def test_rules_are_confirmed_replaced_and_removed_beside_those_of_others(firewall: Firewall) -> None:
    untouched = firewall.running()
    files = [str(firewall.rules(name, name, *range(1, 41))) for name in ("iptables", "ip6tables", "ebtables")]
    files.append(str(firewall.rules("nftables", "nftables")))
    process = firewall.apply(*files)
    again = firewall.do("apply", "--yes", files[0])
    assert (again.returncode, again.stderr[:80]) == (6, f"vrrpwatch: the rules of {', '.join(files)}"[:80])
    assert "wait for their confirmation (" in again.stderr
    assert "waits for its confirmation" in firewall.do("status").stdout
    kept = firewall.do("confirm")
    assert (kept.returncode, kept.stdout[-28:]) == (0, ": confirmed: loaded by root\n")
    assert process.wait(timeout=30) == 0
    confirmed = firewall.running()
    assert firewall.do("apply", "--yes", *files).stdout == "these rules run already: nothing was changed\n"

    # Somebody moves the jump behind a rule of their own, and has keepalived's chain changed meanwhile.
    host = firewall.host
    host.do("iptables", "-D", "INPUT", "1")
    host.do("iptables", "-I", "INPUT", "2", "-j", "VRRPWATCH-IN")
    host.do("iptables", "-A", "keepalived_in", "-d", "192.0.2.101", "-j", "DROP")
    moved = firewall.running()
    process = firewall.apply("--confirm-within", "1s", str(firewall.rules("fewer", "iptables", 7)))
    saved = host.do("iptables-save").splitlines()
    ends = [line.split()[-1] for line in saved if line.startswith("-A INPUT")]
    assert ends == ["ACCEPT", "VRRPWATCH-IN", "keepalived_in", "ACCEPT"]
    # Of 40 flows some were in chains of their own, one needs none.
    assert not any(line.startswith(":VRRPWATCH-IN-0-") for line in saved)
    assert process.wait(timeout=30) == 1
    assert firewall.running() == moved != confirmed

    gone = firewall.do("remove", "--yes")
    assert (gone.returncode, gone.stdout.splitlines()[-1]) == (0, "removed: inet, iptables, ip6tables, ebtables")
    host.do("iptables", "-D", "keepalived_in", "-d", "192.0.2.101", "-j", "DROP")
    assert firewall.running() == untouched
    assert not firewall.state.exists()
    assert [action for action, _ in told(firewall)][-1] == "removed"
    assert firewall.do("remove", "--yes").stdout == "no rules of vrrpwatch are loaded\n"
    assert not firewall.state.exists()


def test_a_person_is_asked_before_and_after(firewall: Firewall) -> None:
    rules = str(firewall.rules("new"))
    before = firewall.running()
    with Terminal(firewall, "apply", rules) as terminal:
        terminal.until("Load these rules? [y/N]: ")
        assert "+table inet vrrpwatch {" in terminal.shown
        terminal.type("\n")
        assert terminal.ends() == 130
    assert (firewall.running(), firewall.written) == (before, "")

    with Terminal(firewall, "apply", rules) as terminal:
        terminal.until("Load these rules?")
        # The second line comes before the question that it would answer.
        terminal.type("y\n\n")
        terminal.until("Keep them? [Y/n]")
        assert firewall.waiting
        terminal.type("what?\n")
        terminal.until("y or n")
        terminal.type("n\n")
        assert terminal.ends() == 1
    assert "rolled-back: not wanted" in terminal.shown
    assert firewall.running() == before

    with Terminal(firewall, "apply", rules) as terminal:
        terminal.until("Load these rules?")
        terminal.type("y\n")
        terminal.until("Keep them?")
        terminal.type("\x03")
        assert terminal.ends() == 1
    assert "rolled-back: interrupted" in terminal.shown
    assert firewall.running() == before

    with Terminal(firewall, "apply", rules) as terminal:
        terminal.until("Load these rules?")
        terminal.type("y\n")
        terminal.until("Keep them?")
        terminal.type("\n")
        assert terminal.ends() == 0
    assert firewall.running() != before
    assert not firewall.pending


def test_a_dropped_connection_gets_the_old_rules_back(firewall: Firewall) -> None:
    rules = str(firewall.rules("new", "iptables"))
    before = firewall.running()
    with Terminal(firewall, "apply", "--confirm-within", "2s", rules) as terminal:
        terminal.until("Load these rules?")
        terminal.type("y\n")
        terminal.until("Keep them?")
        terminal.hang_up()
        terminal.process.wait(timeout=30)
    firewall.until(lambda: not firewall.pending, "the rollback")
    assert firewall.running() == before


def test_whoever_comes_back_in_time_may_still_confirm(firewall: Firewall) -> None:
    process = firewall.apply(str(firewall.rules("new")))
    os.killpg(process.pid, signal.SIGKILL)
    loaded = firewall.running()
    assert firewall.do("confirm").returncode == 0
    assert (firewall.running(), firewall.pending) == (loaded, False)


def test_a_second_guardian_takes_the_place_of_the_first(firewall: Firewall) -> None:
    before = firewall.running()
    process = firewall.apply("--confirm-within", "3s", str(firewall.rules("new")))
    firewall.until(lambda: len(firewall.guardians()) == 2, "two guardians")
    os.killpg(process.pid, signal.SIGKILL)
    os.kill(min(firewall.guardians()), signal.SIGKILL)
    firewall.until(lambda: not firewall.pending, "the rollback")
    assert firewall.running() == before


def test_the_next_command_does_what_no_guardian_is_left_to_do(firewall: Firewall) -> None:
    before = firewall.running()
    process = firewall.apply("--confirm-within", "1h", str(firewall.rules("new")))
    firewall.until(lambda: len(firewall.guardians()) == 2, "two guardians")
    os.killpg(process.pid, signal.SIGKILL)
    for pid in firewall.guardians():
        os.kill(pid, signal.SIGKILL)
    firewall.until(lambda: not firewall.guardians(), "the guardians' end")
    assert firewall.running() != before
    done = firewall.do("status")
    assert done.stderr.endswith("new: rolled-back: its guardian was ended\n")
    assert firewall.running() == before


def test_a_guardian_that_is_asked_to_end_puts_the_old_rules_back_first(firewall: Firewall) -> None:
    before = firewall.running()
    process = firewall.apply("--confirm-within", "1h", str(firewall.rules("new")))
    # The terminal's signals do nothing to it.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        for pid in firewall.guardians():
            os.kill(pid, number)
    assert firewall.pending
    for pid in firewall.guardians():
        os.kill(pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 1
    assert firewall.running() == before
    assert ("rolled-back", "the guardian was asked to end") in told(firewall)


def test_killed_at_any_moment_it_leaves_the_old_rules(firewall: Firewall) -> None:
    # Before, while or after rules are loaded; the command alone or its whole process group.
    kill_at_random(firewall, len(PROVABLE))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("flush ruleset\n", "line 1: 'flush ruleset' is refused"),
        ("table inet vrrpwatch {\n\tchain a {\n\t\tjump nowhere\n\t}\n}\n", "nft -c -f -: "),
        ("*filter\n:VRRPWATCH-IN - [0:0]\n-A VRRPWATCH-IN -p nonsense -j DROP\nCOMMIT\n", "iptables-restore --test"),
        ("*filter\n:VRRPWATCH RETURN\n-A VRRPWATCH -p nonsense -j DROP\n", "ebtables"),
    ],
)
def test_rules_that_are_not_taken_change_nothing(firewall: Firewall, text: str, line: str) -> None:
    before = firewall.running()
    done = firewall.do("apply", "--yes", str(firewall.host.write("bad", text)))
    assert done.returncode in (2, 6)
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert (firewall.running(), firewall.written) == (before, "")


def test_rules_in_the_other_iptables_are_told_of(firewall: Firewall) -> None:
    firewall.host.do("iptables-legacy", "-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
    done = firewall.do("apply", "--yes", str(firewall.rules("new", "iptables")))
    assert done.returncode == 6
    assert "iptables is iptables-nft, but iptables-legacy holds 1 rules: packets pass both" in done.stderr
    assert done.stderr.count("\n") == 1


def test_tables_that_iptables_made_for_our_rules_go_with_them(lab: Lab) -> None:
    host = lab.host("bare", 99)
    bare = Firewall(host)
    process = bare.apply(str(bare.rules("a", "iptables")), str(bare.rules("b", "ebtables")))
    assert bare.do("confirm").returncode == 0
    assert process.wait(timeout=30) == 0
    assert "table ip filter" in host.do("nft", "list", "tables")
    assert bare.do("remove", "--yes").returncode == 0
    assert host.do("nft", "list", "ruleset") == ""
    bare.close()
