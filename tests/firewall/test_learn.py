"""A policy learned from captures says what was seen, leaves leaks out and says what a person must decide."""

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vrrpwatch.capture.session import Options, analyse
from vrrpwatch.core.policy import GroupPolicy, Policy, SegmentPolicy, SpeakerPolicy, SyncPolicy
from vrrpwatch.firewall.learn import Learned, learn
from vrrpwatch.firewall.policy_text import HEAD, policy_text

CAPTURES = Path(__file__).parents[2] / "captures"


def learned(name: str) -> Learned:
    return learn(analyse((str(CAPTURES / name),), Options()).analysis)


def test_both_ends_of_a_takeover_are_listed() -> None:
    policy, remarks = learned("keepalived-crash.pcap")
    (group,) = policy.group
    assert [(str(speaker.ip), speaker.mac, speaker.priority) for speaker in group.speakers] == [
        ("192.0.2.11", "02:00:00:00:00:11", 150),
        ("192.0.2.12", "02:00:00:00:00:12", 100),
    ]
    assert (group.protocol, group.id, group.scope, group.interval) == ("vrrp", 51, None, 1.0)
    assert policy.unlisted == "report"
    assert remarks["group", 0] == ("Nothing here was authenticated: anyone on the segment could have sent it.",)


def test_a_silent_backup_is_asked_about() -> None:
    _, remarks = learned("keepalived-v2-healthy.pcap")
    assert remarks["group", 0][0].startswith("Only one speaker was heard")
    assert remarks["group", 0][1].startswith("192.0.2.12 (02:00:00:00:00:12) listens without speaking")


def test_peers_that_only_listen_are_listed() -> None:
    policy, remarks = learned("keepalived-unicast.pcap")
    assert [str(peer) for peer in policy.group[0].peers] == ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
    assert any(remark.startswith("192.0.2.13 is sent to") for remark in remarks["group", 0])


def test_a_leak_is_left_out() -> None:
    policy, remarks = learned("leak-across-vlans.pcapng")
    assert [(group.segment, group.id, len(group.speakers)) for group in policy.group] == [
        ("trunk/10", 10, 1),
        ("trunk/20", 20, 1),
    ]
    assert sum(line.startswith("left out: ") for line in remarks[HEAD]) == 2


def test_state_synchronisation_is_listed_with_its_peers() -> None:
    policy, _ = learned("conntrackd-sync.pcapng")
    sync = next(segment for segment in policy.segment if segment.sync)
    assert (sync.name, sync.role) == ("sync", "sync")
    assert [str(peer) for peer in sync.sync[0].peers] == ["198.51.100.11", "198.51.100.12"]
    assert [str(to) for to in sync.sync[0].destinations] == ["225.0.0.50"]


def test_a_collision_is_said_where_it_must_be_decided() -> None:
    _, remarks = learned("vrid-collision.pcap")
    assert remarks["group", 0][0].startswith("vrid-collision: ")


def test_what_only_claims_to_be_authenticated_is_said() -> None:
    _, remarks = learned("ucarp-failover.pcap")
    (remark,) = remarks["group", 0]
    assert remark.startswith(
        "The authentication of 192.0.2.11 (00:00:5e:00:00:2a), 192.0.2.12 (00:00:5e:00:00:2a) was "
    )
    assert remark.endswith("not checked: anyone on the segment could have sent it.")


def test_what_a_forger_added_is_asked_about() -> None:
    seen = analyse((str(CAPTURES / "keepalived-crash.pcap"),), Options()).analysis
    (info,) = seen.groups
    first = info.speakers[0]
    forged = first._replace(key=first.key._replace(mac="02:00:00:00:00:66"), adverts=1)
    _, remarks = learn(seen._replace(groups=(info._replace(speakers=(*info.speakers, forged)),)))
    macs, seldom, _ = remarks["group", 0]
    assert macs.startswith("192.0.2.11 spoke from 2 MAC addresses, 02:00:00:00:00:11, 02:00:00:00:00:66: ")
    assert seldom == (
        "192.0.2.11 (02:00:00:00:00:66) was heard only 1 time: a takeover that did not last, or a forger?"
    )


def test_a_policy_that_drops_at_once_says_whom() -> None:
    seen = analyse((str(CAPTURES / "keepalived-crash.pcap"),), Options()).analysis
    _, remarks = learn(seen, unlisted="drop")
    assert remarks[HEAD][-1].startswith('With unlisted = "drop" whoever was silent is cut off')


def test_every_sample_reads_back_as_it_was_written() -> None:
    paths = sorted(path for path in CAPTURES.iterdir() if path.suffix in (".pcap", ".pcapng"))
    assert len(paths) == 20
    for path in paths:
        policy, remarks = learned(path.name)
        assert Policy.model_validate(tomllib.loads(policy_text(policy, remarks))) == policy


NAMES = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=20).filter(str.isprintable)
ADDRESSES = st.lists(st.ip_addresses(v=4), unique=True, min_size=1, max_size=3).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    sync = SyncPolicy(protocol="ipvs", peers=draw(ADDRESSES), rate=draw(st.none() | st.integers(1, 10_000)))
    segment = SegmentPolicy(
        name=draw(NAMES),
        interface=draw(st.none() | NAMES),
        interfaces=tuple(draw(st.lists(NAMES, unique=True, max_size=2))),
        vlans=tuple(draw(st.lists(st.integers(1, 4094), max_size=2))),
        budget=draw(st.none() | st.floats(0.1, 1e9)),
        sync=(sync,),
    )
    speakers = tuple(SpeakerPolicy(ip=ip, priority=draw(st.none() | st.integers(0, 255))) for ip in draw(ADDRESSES))
    group = GroupPolicy(
        segment=draw(NAMES),
        protocol="vrrp",
        id=draw(st.integers(1, 255)),
        interval=draw(st.none() | st.floats(0.001, 255)),
        addresses=draw(ADDRESSES),
        speakers=speakers,
    )
    return Policy(version=1, unlisted_rate=None, segment=(segment,), group=(group,))


@given(policies(), NAMES)
def test_any_policy_reads_back_as_it_was_written(policy: Policy, remark: str) -> None:
    text = policy_text(policy, {HEAD: (remark, 'x"\n[[group]]'), ("group", 0): (remark,)})
    assert Policy.model_validate(tomllib.loads(text)) == policy
