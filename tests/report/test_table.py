"""The terminal report: what a person reads at several widths, and that nothing from the wire steers the terminal."""

import io
from dataclasses import replace
from ipaddress import ip_address

import pytest
from rich.cells import cell_len

from tests.report import sample
from vrrpwatch.core.analysis import Analysis, InterfaceInfo, Tenure
from vrrpwatch.core.model import GroupKey
from vrrpwatch.report.table import MAX_BLOCKS, MAX_FINDINGS, write_table


class Ascii(io.StringIO):
    encoding = "ascii"


def shown(analysis: Analysis, width: int = 80, **options: object) -> str:
    file = io.StringIO()
    write_table(analysis, file, width=width, **options)  # type: ignore[arg-type]
    return file.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("groups", [3, 50])
def test_nothing_is_wider_than_the_terminal(width: int, groups: int) -> None:
    analysis = sample.sample()._replace(groups=sample.sample().groups * (groups // 3))
    for line in shown(analysis, width).splitlines():
        assert cell_len(line) <= width
        assert line == line.rstrip()


def test_it_starts_with_the_verdict() -> None:
    first = words(shown(sample.sample()).split("▲")[0])
    assert first == (
        "✖ 3 virtual routers: 1 contested, 1 lost, 1 held at the end; found: 1 critical, 2 warnings, 1 note"
    )


def test_sections_come_in_the_order_of_interest() -> None:
    text = shown(sample.sample())
    places = [text.index(f"\n{title}") for title in ("Findings", "Virtual routers", "Timeline", "Multicast", "Totals")]
    assert places == sorted(places)


def test_finding_names_packets_and_times() -> None:
    text = words(shown(sample.sample(), 120))
    assert "✖ critical split-brain: VRRP 51 on eth0/10" in text
    assert "a.pcap packets 912, 913; b.pcapng packet 57 · 50 times, 10:04:10.000 to 10:05:00.000" in text


def test_timeline_compares_gaps_with_what_is_prescribed() -> None:
    text = words(shown(sample.sample(), 200))
    assert (
        "10:01:03.609000 VRRP 51 on eth0/10: 10.0.0.3 took over from 10.0.0.2, which had fallen silent, "
        "after 3.61 s, 3.61 s prescribed 10:01:40.800000"
    ) in text
    assert "which had resigned, after 1.5 s, 0.61 s prescribed (0.89 s late)" in text
    assert "10.0.0.3 took over from 10.0.0.2 by preemption" in text


def test_multicast_shares() -> None:
    text = words(shown(sample.sample(), 120))
    # 5,400,000 of 5,490,000 bytes are 98.4 %.
    assert "eth0/10 225.0.0.50 conntrackd 9,000 5.4 MB 31.0 900 4.32 Mbit/s 1 98 %" in text


def test_what_was_not_understood_and_what_was_lost() -> None:
    text = words(shown(sample.sample()._replace(evicted={"groups": 3})))
    assert "Not looked into (frames): vxlan 31, truncated-header 2" in text
    assert "counted only: groups 3" in text
    assert "b.pcapng: cut short at byte 2,400,100" in text
    assert "the capture lost 12 packets on eth0" in text


def test_nothing_heard_is_said_with_the_number_of_packets() -> None:
    assert shown(sample.empty()).startswith("• No VRRP, CARP, HSRP or GLBP advertisements in 1,234 packets\n")
    assert shown(sample.empty(0)).startswith("• The capture holds no packets\n")


def test_a_healthy_network() -> None:
    analysis = sample.sample()._replace(groups=(sample.carp_group(),), findings=())
    assert shown(analysis).startswith("✔ 1 virtual router, with one master at the end; nothing wrong found\n")


def test_notes_alone_leave_it_healthy() -> None:
    analysis = sample.sample()._replace(groups=(sample.carp_group(),), findings=sample.findings()[3:])
    assert shown(analysis).startswith("✔ 1 virtual router, with one master at the end; nothing wrong found, 1 note\n")


def test_a_lost_group_is_not_healthy() -> None:
    analysis = sample.sample()._replace(groups=(sample.lost_group(),), findings=())
    assert shown(analysis).startswith("○ 1 virtual router: 1 lost at the end\n")


def test_many_groups_become_rows() -> None:
    groups = tuple(sample.carp_group()._replace(key=sample.CARP_7._replace(id=i)) for i in range(1, MAX_BLOCKS + 2))
    text = shown(sample.sample()._replace(groups=groups))
    assert "✔ held CARP 21 on eth0/10 10.0.0.2 1 s 300" in words(text)


def test_too_many_findings_are_counted() -> None:
    findings = sample.findings()[1:2] * (MAX_FINDINGS + 7)
    assert "… and 7 more findings: --output json lists all" in shown(sample.sample()._replace(findings=findings))


def test_hostile_text_is_shown_not_obeyed() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold]\u202e\r\n"
    key = GroupKey(evil, "vrrp", 4, 1, evil)
    group = sample.vrrp_group()._replace(key=key)
    finding = replace(sample.findings()[0], summary=evil, segment=evil, group=key)
    volume = sample.volumes()[0]._replace(destination=evil, segment=evil, protocol=evil)
    source = sample.sample().sources[0]._replace(path=evil, damage=evil, interfaces=(InterfaceInfo(evil, 1, 1),))
    analysis = sample.sample()._replace(
        groups=(group,), findings=(finding,), multicast=(volume,), sources=(source,), skipped={evil: 1}
    )
    for width in (40, 80, 200):
        text = shown(analysis, width)
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
        assert "[bold]x[/bold]" in text.replace("\n", "").replace(" ", "")


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b" not in shown(sample.sample())
    assert "\x1b" not in shown(sample.sample(), color="never")
    assert "\x1b[1;31m" in shown(sample.sample(), color="always")


def test_terminals_without_unicode() -> None:
    file = Ascii()
    write_table(sample.sample(), file, width=80)
    assert file.getvalue().isascii()
    assert file.getvalue().startswith("X 3 virtual routers")


def test_second_opinion() -> None:
    known = {"packet": 3, "field": "checksum", "ours": "plain", "theirs": "bad", "reason": "RFC 9568"}
    text = words(shown(sample.sample(), disagreements=[known, {**known, "packet": 4, "reason": None}]))
    assert "2 disagreements, 1 without a known reason packet 3 checksum: ours plain, tshark's bad RFC 9568" in text
    assert "▲ packet 4 checksum" in text
    assert "tshark agrees on every field" in shown(sample.sample(), disagreements=[])


def test_a_contest_stands_in_the_timeline() -> None:
    contest = Tenure(sample.at(10), sample.at(18), (ip_address("10.0.0.1"), ip_address("10.0.0.2")))
    analysis = sample.sample()
    group = analysis.groups[0]._replace(timeline=(contest,))
    text = words(shown(analysis._replace(groups=(group,)), 200))
    assert "10:00:10.000000 VRRP 51 on eth0/10: 10.0.0.1 and 10.0.0.2 both act as master, for 8 s" in text
