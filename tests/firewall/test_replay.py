"""Frames through scratch namespaces: what the kernel itself carries, what tools refuse, and that nothing is left."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firewall.packets import advert, advert6, ether, ip4, tagged, udp
from tests.lab.waiting import wait_until
from vrrpwatch.firewall.replay import check_fresh
from vrrpwatch.firewall.replay_job import Answer, Job, RulesText, Trial, read_answers, read_job, write_answer, write_job
from vrrpwatch.firewall.replay_programs import ReplayError
from vrrpwatch.firewall.replay_session import ProofError, replay

DEVICES = ("eth0", "eth0.10", "other")
UNICAST = ether(advert(destination="192.0.2.12")[14:], 0x0800, destination="02:00:00:00:00:12")
# Groups outside 224.0.0.0/24 are for multicast routers to carry.
ROUTABLE = ether(ip4(udp(3780), 17, "192.0.2.11", "225.0.0.50"), 0x0800, destination="01:00:5e:00:00:32")
IN = Trial("input", "eth0", None, advert(), 112)
OUT = Trial("output", None, "eth0", advert(), 112)


@pytest.fixture(autouse=True)
def able() -> None:
    """Skips where this machine makes no namespaces."""
    whole = ("unshare", "--net", "--pid", "--fork", *(() if os.geteuid() == 0 else ("--user", "-r")), "true")
    if subprocess.run(whole, capture_output=True, check=False).returncode:
        pytest.skip("needs network namespaces")


def ask(*trials: Trial, rules: tuple[RulesText, ...] = (), bridge: bool = False, above: bool = False) -> list[Answer]:
    return replay(Job(0, DEVICES, bridge, above, rules, trials))


def seen(*trials: Trial, rules: tuple[RulesText, ...] = (), bridge: bool = False, above: bool = False) -> list[object]:
    return [answer.seen for answer in ask(*trials, rules=rules, bridge=bridge, above=above)]


def nft(hook: str, rule: str, family: str = "inet", kind: str = "") -> tuple[RulesText]:
    text = f"table {family} t {{\n chain c {{\n type filter hook {hook} {kind} priority 0\n {rule}\n }}\n}}\n"
    return (RulesText("nft", text),)


def test_a_job_and_its_answers_survive_the_way_there_and_back() -> None:
    job = Job(7, DEVICES, True, False, (RulesText("nft", "table inet ü {}"),), (IN, OUT._replace(copies=3)))
    assert read_job(write_job(job).splitlines()) == job
    answers = [Answer({"eth0": 2, "": 1}, 0.5), Answer({}, 0.0)]
    lines = [write_answer(answer).encode() for answer in answers]
    assert read_answers(lines) == (answers, None)
    assert read_answers([*lines, b'{"error": "gone"}']) == (answers, "gone")


def test_a_kernel_without_rules_hears_and_sends_whatever_it_is_given() -> None:
    assert seen(
        IN,
        IN._replace(incoming="eth0.10", frame=UNICAST),
        IN._replace(frame=advert6()),
        OUT,
        OUT._replace(frame=UNICAST),
        OUT._replace(frame=advert6()),
        OUT._replace(course="egress"),
        Trial("forward", "eth0", "other", UNICAST, 112),
        Trial("forward", "eth0", "eth0.10", ROUTABLE, 17),
    ) == [{"": 1}, {"": 1}, {"": 1}, {"eth0": 1}, {"eth0": 1}, {"eth0": 1}, {"eth0": 1}, {"other": 1}, {"eth0.10": 1}]


def test_link_local_groups_are_never_forwarded() -> None:
    assert seen(Trial("forward", "eth0", "other", advert(), 112)) == [{}]


def test_what_a_host_hears_of_its_own_multicast_is_not_taken_for_the_next_trial() -> None:
    assert seen(OUT, IN, OUT._replace(copies=5), IN) == [{"eth0": 1}, {"": 1}, {"eth0": 5}, {"": 1}]


def test_copies_are_counted() -> None:
    assert seen(IN._replace(copies=1000), OUT._replace(copies=300)) == [{"": 1000}, {"eth0": 300}]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (nft("input", "ip protocol 112 drop"), [{}, {"eth0": 1}, {"other": 1}, {"eth0": 1}]),
        (nft("output", "ip protocol 112 drop"), [{"": 1}, {}, {"other": 1}, {"eth0": 1}]),
        (nft("forward", 'oifname "other" drop'), [{"": 1}, {"eth0": 1}, {}, {"eth0": 1}]),
        (nft("prerouting", 'iifname "eth0" drop'), [{}, {"eth0": 1}, {}, {"eth0": 1}]),
        (nft("ingress", "drop", "netdev", 'device "eth0"'), [{}, {"eth0": 1}, {}, {"eth0": 1}]),
        (nft("egress", "drop", "netdev", 'device "eth0"'), [{"": 1}, {}, {"other": 1}, {}]),
        (
            (RulesText("iptables", "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p 112 -j DROP\nCOMMIT\n"),),
            [{"": 1}, {"eth0": 1}, {}, {"eth0": 1}],
        ),
    ],
)
def test_a_rule_bites_at_its_hook_and_at_no_other(rules: tuple[RulesText, ...], expected: list[object]) -> None:
    """A packet socket's frames pass no hook of the IP layer, only the device's own."""
    across = Trial("forward", "eth0", "other", UNICAST, 112)
    assert seen(IN, OUT, across, OUT._replace(course="egress"), rules=rules) == expected


def test_addresses_are_local_as_on_a_real_host() -> None:
    """Rules may ask whether a packet is to or from this host itself."""
    trials = (
        IN._replace(frame=UNICAST),
        OUT._replace(frame=UNICAST),
        Trial("forward", "eth0", "other", UNICAST, 112),
    )
    assert seen(*trials, rules=nft("input", "fib daddr type != local drop"))[0] == {"": 1}
    assert seen(*trials, rules=nft("output", "fib saddr type != local drop"))[1] == {"eth0": 1}
    assert seen(*trials, rules=nft("forward", "fib daddr type local drop"))[2] == {"other": 1}


def test_a_bridge_sends_a_frame_by_every_other_port_with_its_tags() -> None:
    plain = Trial("bridge", "eth0", None, advert(), None)
    stacked = plain._replace(frame=tagged(tagged(advert(), 20), 10, 0x88A8))
    everywhere = {"eth0.10": 1, "other": 1}
    assert seen(plain, stacked, bridge=True) == [everywhere, everywhere]
    rules = nft("forward", 'vlan id 10 oifname "other" drop', "bridge")
    one_tag = plain._replace(frame=tagged(advert(), 10))
    assert seen(plain, one_tag, rules=rules, bridge=True) == [everywhere, {"eth0.10": 1}]
    ebtables = RulesText("ebtables", "*filter\n:FORWARD ACCEPT\n-A FORWARD -p IPv4 -o other -j DROP\n")
    assert seen(plain, rules=(ebtables,), bridge=True) == [{"eth0.10": 1}]


def test_a_bridge_shows_iptables_what_it_forwards_where_asked_to() -> None:
    if not Path("/proc/sys/net/bridge").exists():
        pytest.skip("needs br_netfilter")
    rule = "-A FORWARD -p 112 -m physdev --physdev-out other -j DROP"
    rules = (RulesText("iptables", f"*filter\n:FORWARD ACCEPT [0:0]\n{rule}\nCOMMIT\n"),)
    trial = Trial("bridge", "eth0", None, tagged(advert(), 10), None)
    assert seen(trial, rules=rules, bridge=True, above=True) == [{"eth0.10": 1}]
    assert seen(trial, rules=rules, bridge=True) == [{"eth0.10": 1, "other": 1}]


def test_packets_longer_than_a_frame_and_addresses_that_no_host_has_stop_nothing() -> None:
    long = ether(
        ip4(udp(3780) + bytes(20_000), 17, "192.0.2.11", "225.0.0.50"), 0x0800, destination="01:00:5e:00:00:32"
    )
    strange = ether(ip4(udp(3780), 17, "255.255.255.255", "0.0.0.0"), 0x0800, destination="02:00:00:00:00:01")  # noqa: S104
    none = IN._replace(frame=ether(ip4(udp(3780), 0, "192.0.2.11", "224.0.0.18"), 0x0800), protocol=0)
    answers = seen(IN._replace(frame=long, protocol=17), *(way._replace(frame=strange) for way in (IN, OUT)), none, IN)
    assert answers[0] == {"": 1}
    # No socket hears protocol 0.
    assert answers[3:] == [{}, {"": 1}]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (RulesText("nft", "table inet t {\n nonsense\n}\n"), "nft -c -f -: /dev/stdin:2"),
        (RulesText("nft-json", '{"nftables": [{"add": 7}]}'), "nft -j -c -f -"),
        (RulesText("iptables", "*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"), "iptables-restore"),
        (RulesText("ebtables", "*filter\n-A INPUT -j NOWHERE\n"), "ebtables-restore"),
    ],
)
def test_rules_that_a_tool_refuses_are_one_clear_line(rules: RulesText, words: str) -> None:
    with pytest.raises(ProofError, match=words) as caught:
        ask(IN, rules=(rules,))
    assert "\n" not in str(caught.value)


def test_definitions_that_unfold_without_end_take_only_so_much_memory() -> None:
    lines = [f"define a0 = {{ {', '.join(map(str, range(1, 101)))} }}"]
    lines += [f"define a{n} = {{ {', '.join([f'$a{n - 1}'] * 10)} }}" for n in range(1, 12)]
    text = "\n".join(lines) + "\n" + nft("input", "tcp dport $a11 accept")[0].text
    with pytest.raises(ProofError, match="Memory allocation failure"):
        ask(IN, rules=(RulesText("nft", text),))


def test_rules_go_into_no_namespace_but_a_new_one() -> None:
    own = Path("/proc/self/ns/net").stat().st_ino
    with pytest.raises(ReplayError, match="the caller's own network"):
        check_fresh(own)
    with pytest.raises(ReplayError, match="is in use"):
        check_fresh(own + 1)


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return found[1:]


def test_a_replay_that_takes_too_long_is_ended_with_everything_it_started() -> None:
    before = set(descendants(os.getpid()))
    with pytest.raises(ProofError, match="has not ended within"):
        replay(Job(0, DEVICES, False, False, (), (IN._replace(copies=10_000_000),)), timeout=1)
    assert set(descendants(os.getpid())) <= before


def test_a_child_that_is_killed_is_told_of() -> None:
    with pytest.raises(ProofError, match="ended early"):
        replay(Job(0, ("no such device",), False, False, (), (IN,)), interpreter="/bin/false")


SLOW = """
import sys
from vrrpwatch.firewall.replay_job import Job, Trial
from vrrpwatch.firewall.replay_session import replay
frame = bytes.fromhex(sys.argv[1])
print("begun", flush=True)
replay(Job(0, ("eth0",), False, False, (), (Trial("input", "eth0", None, frame, 112, 100_000_000),)))
"""


def test_nothing_outlives_a_caller_that_is_killed() -> None:
    command = (sys.executable, "-c", SLOW, advert().hex())
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"begun\n"
        # unshare, and in the namespaces that it makes the replay itself.
        wait_until(lambda: len(descendants(caller.pid)) >= 2, at_most=20, what="the replay to start")
        started = descendants(caller.pid)
        caller.send_signal(signal.SIGKILL)
        caller.wait(timeout=10)

    def alive() -> list[int]:
        return [pid for pid in started if Path(f"/proc/{pid}").exists()]

    wait_until(lambda: not alive(), at_most=20, what="the replay to end", seen=lambda: str(alive()))


def test_an_ordinary_user_gets_the_same_answers() -> None:
    """Also root's own interpreter may be where nobody else can run it: the system's does as well."""
    system = "/usr/bin/python3"
    if os.geteuid() != 0 or not Path(system).exists():
        pytest.skip("needs root, to become somebody else, and a Python that all can run")
    if Path(__file__).parents[2].stat().st_mode & 0o005 != 0o005:
        pytest.skip("needs a checkout that all can read")
    rules = nft("input", "ip protocol 112 drop")
    job = Job(0, DEVICES, False, False, rules, (IN, OUT))
    as_nobody: list[object] = []

    def become_and_ask() -> None:
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                text = repr([answer.seen for answer in replay(job, interpreter=system)])
            except ProofError as error:
                text = str(error)
            os.write(theirs, text.encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as reading:
            as_nobody.append(reading.read())
        os.waitpid(pid, 0)

    become_and_ask()
    if "no network namespace can be made" in str(as_nobody[0]):
        pytest.skip("needs user namespaces")
    assert as_nobody == [repr([{}, {"eth0": 1}])]
