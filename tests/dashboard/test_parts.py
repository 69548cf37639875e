"""The parts that paint: figures worked out by hand."""

import pytest

from tests.dashboard.scripted import A, B, ScriptedView, advert_frame, at, ip
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.model import GroupKey
from vrrpwatch.core.news import RecentPacket
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.bars import Status, title_line
from vrrpwatch.dashboard.blocks import graph, lanes, sparkline
from vrrpwatch.dashboard.columns import Column, Scene, arrange
from vrrpwatch.dashboard.dialogs import parse_silence
from vrrpwatch.dashboard.dump import hex_dump, secrets
from vrrpwatch.dashboard.listing import MAX_WRITTEN, Listing, Needle
from vrrpwatch.dashboard.mask import Mask
from vrrpwatch.dashboard.paint import Line, elide, fit, strip, width_of
from vrrpwatch.dashboard.themes import NAMES, THEMES, Palette, suitable


def text(lines: list[Line]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(0.04, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.4, "59s"), (60, "1m00s"), (599, "9m59s"), (600, "10m")],
        *[(3_599, "59m"), (3_661, "1h01m"), (36_000, "10h"), (86_399, "23h"), (90_000, "1d01h"), (8_640_000, "100d")],
    ],
)
def test_ages_are_brief(seconds: float, shown: str) -> None:
    assert words.brief(seconds) == shown


def test_a_sparkline_keeps_the_newest_and_shows_silence() -> None:
    assert sparkline([8, 1, 4, 0, 8], 4) == "▂▅·█"
    assert sparkline([1], 3) == "  █"
    # A value of 1 with a full cell worth 2 fills half.
    assert sparkline([1, 2], 2, top=2) == "▅█"
    assert sparkline([], 2) == "  "


def test_a_graph_draws_the_budget_and_what_rises_above_it() -> None:
    # Four lines for 0 to 115 (the budget and 15 % more): 28.75 each; 100 lies in the fourth.
    lines = graph([0, 28.75, 57.5, 115], 12, 4, budget=100)
    assert text(lines) == [
        "   115 ┤───█",
        "       │   █",
        "       │  ██",
        "     0 ┤ ███",
    ]
    assert [style for _, style in lines[0]][2:] == ["warning", "bad"]
    assert text(graph([], 10, 2)) == ["   1.0 ┤  ", "     0 ┤  "]


def test_a_timeline_has_a_lane_for_each_holder() -> None:
    a, b = ip(A), ip(B)
    timeline = [Tenure(at(0), at(50), (a,)), Tenure(at(50), at(80), (b,)), Tenure(at(80), at(100), (a, b))]
    # Nine cells of names, two rims and a space leave ten for 100 s.
    drawn = text(lanes(timeline, at(100), {a: A, b: B}, 22))
    assert drawn[0] == "10.0.10.2 ▕█████   ▓▓▏"
    assert drawn[1] == "10.0.10.3 ▕     ███▓▓▏"
    # There is no room for both ends of the axis.
    assert drawn[2] == " " * 11 + "12:00:00"
    assert text(lanes([], at(0), {}, 40)) == ["no master heard yet"]


def test_text_is_fitted_by_cells_not_by_characters() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, right=True) == "  abc"
    assert fit("abcdef", 4) == "abc…"
    assert fit("abc", 0) == ""
    assert width_of(fit("日本語", 4)) == 4
    assert elide("VRRP 51 eth0/10", 20) == "VRRP 51 eth0/10"
    assert elide("VRRP 151 enp3s0f0/120", 15) == "VRRP 151 …0/120"


def test_a_strip_has_exactly_its_width_and_reads_no_markup() -> None:
    palette = Palette(THEMES[0])
    painted = strip([("[bold]x[/]", "bad"), ("日本", "")], 12, palette, over=palette.cursor)
    assert painted.text == "[bold]x[/] …"
    assert painted.cell_length == 12


def test_columns_are_dropped_by_rank_and_the_room_is_shared() -> None:
    def column(title: str, width: int, rank: int = 0, share: int = 0, most: int = 200) -> Column[str]:
        return Column(title, width, lambda row, _: row, rank=rank, share=share, most=most)

    columns = [column("a", 5), column("b", 5, rank=2), column("c", 5, rank=1), column("d", 5, share=1, most=8)]
    assert [(placed.column.title, placed.width) for placed in arrange(columns, 40)] == [
        ("a", 5),
        ("b", 5),
        ("c", 5),
        ("d", 8),
    ]
    assert [placed.column.title for placed in arrange(columns, 22)] == ["a", "c", "d"]
    assert [placed.column.title for placed in arrange(columns, 3)] == ["a", "d"]


def test_a_needle_wants_every_word_and_no_inverse_one() -> None:
    assert Needle("EtH0 !lost").accepts("eth0 held")
    assert not Needle("eth0 !lost").accepts("eth0 lost")
    assert not Needle("eth0 held").accepts("eth1 held")
    assert not Needle(" ")
    # An exclamation mark that is still alone forbids nothing.
    assert Needle("!").accepts("anything")


def test_reading_rows_for_a_filter_is_spread_over_pictures() -> None:
    listing: Listing[tuple[int, str], int] = Listing(
        [Column("Name", 5, lambda row, _: row[1], lambda row: -row[0])], lambda row: row[0]
    )
    scene = Scene(0, Mask())
    rows = [(number, "even" if number % 2 == 0 else "odd") for number in range(2 * MAX_WRITTEN + 2)]
    listing.load(rows)
    listing.set_filter("even")
    listing.arrange(scene)
    assert (len(listing), listing.unread) == (MAX_WRITTEN // 2, MAX_WRITTEN + 2)
    listing.arrange(scene, due=False)
    listing.arrange(scene, due=False)
    assert (len(listing), listing.unread) == (MAX_WRITTEN + 1, 0)
    # Only what changed is read again.
    rows[1] = (1, "even now")
    listing.load(rows)
    listing.arrange(scene)
    assert len(listing) == MAX_WRITTEN + 2
    assert listing.sort_by("N")
    listing.arrange(scene)
    assert listing.key(0) == 2 * MAX_WRITTEN
    assert listing.position(1) == MAX_WRITTEN
    assert listing.position(3) is None


def test_rows_keep_their_order_until_sorting_is_due() -> None:
    listing: Listing[tuple[int, int], int] = Listing(
        [Column("Value", 5, lambda row, _: str(row[1]), lambda row: row[1])], lambda row: row[0]
    )
    scene = Scene(0, Mask())
    listing.sort_by("V")
    listing.load([(1, 10), (2, 20)])
    listing.arrange(scene)
    listing.load([(1, 30), (2, 20)])
    listing.arrange(scene, due=False)
    assert [listing[0], listing[1]] == [(1, 30), (2, 20)]
    listing.arrange(scene)
    assert [listing[0], listing[1]] == [(2, 20), (1, 30)]
    # Another row among them makes it due at once.
    listing.load([(0, 25), (1, 30), (2, 20)])
    listing.arrange(scene, due=False)
    assert [listing.key(at) for at in range(3)] == [2, 0, 1]
    # A recording that is wound back has none for a while.
    for rows in ([], [(3, 5)]):
        listing.load(rows)
        listing.arrange(scene)
        assert [listing[at] for at in range(len(listing))] == rows


def test_a_mask_is_consistent_and_leaves_what_tells_nothing() -> None:
    mask = Mask()
    assert mask.ip(ip(A)) == A
    mask.on = True
    assert [mask.ip(ip(A)), mask.ip(ip(B)), mask.ip(ip(A))] == ["IPv4-1", "IPv4-2", "IPv4-1"]
    assert mask.mac("52:54:00:AA:00:02") == "MAC-1"
    assert [mask.mac("ff:ff:ff:ff:ff:ff"), mask.text("to 01:00:5E:00:00:12")] == [
        "ff:ff:ff:ff:ff:ff",
        "to 01:00:5e:00:00:12",
    ]
    assert mask.name("eth0/10") == "seg-1"
    sentence = f"{B} (52-54-00-aa-00-02) on eth0/10 at 12:00:01, fe80::1 to 224.0.0.18 and ff02::12; eth0 is meth0 not"
    assert mask.text(sentence) == (
        "IPv4-2 (MAC-1) on seg-1 at 12:00:01, IPv6-1 to 224.0.0.18 and ff02::12; seg-2 is meth0 not"
    )


def test_what_a_mask_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrrpwatch.dashboard.mask.MAX_ADDRESSES", 1)
    mask = Mask()
    mask.on = True
    assert [mask.ip(ip(A)), mask.ip(ip(B)), mask.ip(ip(A))] == ["IPv4-1", "IPv4-?", "IPv4-1"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("30m", 1800), ("1h30m", 5400), ("2 D", 172_800), ("45min", 2700), ("0s", None), ("400d", None), ("soon", None)],
)
def test_silences_are_understood(given: str, seconds: float | None) -> None:
    assert parse_silence(given) == seconds


def test_a_dump_hides_passwords_of_every_protocol_that_has_them() -> None:
    frame = advert_frame(A, 200)
    # 14 octets of Ethernet, 20 of IPv4, 8 of VRRP and one address of 4: the password is at 46.
    assert secrets(RecentPacket(0, 0, 1, 1, frame)) == set(range(46, 54))
    # A checksum or count that fits nothing does not bring it out.
    broken = bytearray(frame)
    broken[37] = 9
    assert secrets(RecentPacket(0, 0, 1, 1, bytes(broken))) >= set(range(46, 54))
    shown = text(hex_dump(RecentPacket(0, 0, 1, 1, frame), 80))
    assert shown[3] == "0030  ·· ·· ·· ·· ·· ··" + " " * 33 + "······"
    narrow = text(hex_dump(RecentPacket(0, 0, 1, 1, frame), 40))
    assert narrow[0] == "0000  01 00 5e 00 00 12 52 54  ..^...RT"
    assert text(hex_dump(RecentPacket(0, 0, 1, 1, bytes(300)), 80))[-1] == "… 44 octets more"


def test_hsrp_and_glbp_passwords_are_hidden() -> None:
    udp = bytes.fromhex("07c107c1001c0000")
    hello = bytes.fromhex("0000100301786e01") + b"cisco123" + bytes.fromhex("0a000001")
    assert hidden(udp + hello) == b"cisco123"
    glbp_udp = bytes.fromhex("0c960c9600000000")
    body = bytes.fromhex("010000010000") + bytes(6) + bytes.fromhex("030a0106") + b"secret"
    assert b"secret" in hidden(glbp_udp + body, destination="e0000066")


def hidden(udp: bytes, destination: str = "e0000002") -> bytes:
    """What is hidden of a UDP datagram to a multicast group."""
    head = bytes.fromhex("45c0") + (20 + len(udp)).to_bytes(2) + bytes.fromhex("0000000001110000")
    ethernet = bytes.fromhex("01005e000002") + bytes(6) + b"\x08\x00"
    frame = ethernet + head + bytes.fromhex("0a000002" + destination) + udp
    return bytes(frame[at] for at in sorted(secrets(RecentPacket(0, 0, 1, 1, frame))))


@pytest.mark.parametrize(
    ("width", "kept"), [(80, ["FROZEN", "MASKED", "drops", "12:10:00"]), (40, ["FROZEN", "drops"]), (12, ["drops"])]
)
def test_the_drops_are_the_last_to_go(width: int, kept: list[str]) -> None:
    status = Status("eth0", at(605), 3, 10, 1, 0, 0, frozen=at(600), frozen_adverts=4, masked=True)
    line = "".join(piece for piece, _ in title_line(status, width))
    assert width_of(line) == width
    assert [word for word in ("FROZEN", "MASKED", "drops", "12:10:00") if word in line] == kept


def test_before_anything_is_heard_there_is_no_time() -> None:
    line = "".join(piece for piece, _ in title_line(Status("eth0", 0, 0, 0, 0, 0, 0), 80))
    assert line.split() == ["eth0", "drops", "0"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0s"), (0.000412, "412µs"), (0.0009996, "1ms"), (0.0123, "12.3ms"), (0.5, "0.5s"), (1.0, "1s")],
)
def test_jitter_fits_its_column_with_its_unit(value: float | None, text: str) -> None:
    assert words.short(value) == text


def test_a_frozen_recording_that_was_wound_back_counts_nothing_heard_since() -> None:
    status = Status("x.pcap", at(590), 0, 4, 1, 0, 0, frozen=at(600), frozen_adverts=10)
    line = "".join(piece for piece, _ in title_line(status, 80))
    assert " FROZEN  drops 0 " in line


def test_themes_suit_the_terminal_and_know_every_style() -> None:
    assert suitable("truecolor", {}) == suitable("256", {}) == "dark"
    assert suitable("standard", {}) == suitable(None, {}) == "16-colour"
    assert suitable("truecolor", {"NO_COLOR": "1"}) == "no-colour"
    assert suitable("truecolor", {"NO_COLOR": ""}) == "dark"
    assert {"colour-blind", "16-colour"} <= set(NAMES)
    for theme in THEMES:
        palette = Palette(theme)
        states = [palette[words.STATE_STYLES[state]] for state in ("held", "contested", "lost")]
        states.append(palette[words.NOT_HEARD_STYLE])
        if theme.name != "no-colour":
            assert len({str(style.color) for style in states}) == 4


def test_sixteen_colours_are_the_terminals_own() -> None:
    for theme in THEMES[3:]:
        palette = Palette(theme)
        for name in ("good", "bad", "warning", "info", "key", "head", "bar", "tab", "graph", "alarm"):
            colour = palette[name].color
            assert colour is None or colour.is_default or (colour.number is not None and colour.number < 16)


def test_a_group_is_named_with_its_segment() -> None:
    assert words.group(GroupKey("eth0/10", "vrrp", 6, 5, "unicast"), Mask()) == "VRRP 5 (IPv6, unicast) eth0/10"


def test_the_scripted_view_keeps_the_order_of_keys() -> None:
    keys = [row.key for row in ScriptedView(extra=2).rows()]
    assert keys == sorted(keys)
