"""One declaration: a packet, its octets and a column of packets agree."""

import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vrrpwatch.wire
from tests.wire.frames import octets as dump
from vrrpwatch.wire.layout import Layout, octets

SAMPLE = Layout("sample", version=4, kind=4, flag=1, rest=15, tag=octets(3), wide=64)
SAMPLE_DUMP = dump("31 8005 0a0b0c 0102030405060708")


def declared() -> list[Layout]:
    names = [module.name for module in pkgutil.iter_modules(vrrpwatch.wire.__path__)]
    modules = [importlib.import_module(f"vrrpwatch.wire.{name}") for name in names]
    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Layout)}
    return sorted(found.values(), key=lambda layout: layout.title)


LAYOUTS = declared()


def test_fields_stand_in_wire_order_big_endian() -> None:
    header = SAMPLE.unpack(SAMPLE_DUMP)
    assert header == (3, 1, 1, 5, b"\x0a\x0b\x0c", 0x0102030405060708)
    assert header.flag == 1
    assert SAMPLE.size == 14


def test_unpack_at_an_offset_and_never_beyond_the_end() -> None:
    data = b"\xff\xff" + SAMPLE_DUMP
    assert SAMPLE.unpack(data, 2).tag == b"\x0a\x0b\x0c"
    assert SAMPLE.unpack(data, 3) is None
    assert SAMPLE.unpack(data[:-1], 2) is None
    assert SAMPLE.unpack(data, -1) is None
    assert SAMPLE.unpack(data, 1 << 62) is None


def test_pack_fills_what_is_not_named_with_zeros() -> None:
    assert SAMPLE.pack(version=3, kind=1, flag=1, rest=5, tag=b"\x0a\x0b\x0c", wide=0x0102030405060708) == SAMPLE_DUMP
    assert SAMPLE.pack(kind=1) == dump("01 0000 000000 0000000000000000")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"version": 16}, "sample.version does not hold 16"),
        ({"version": -1}, "sample.version does not hold -1"),
        ({"wide": 1 << 64}, "sample"),
        ({"tag": b"12"}, "sample.tag does not take 2 octets"),
        ({"tag": 1}, "sample.tag takes octets"),
        ({"wide": b"12345678"}, "sample.wide takes a number"),
        ({"nothing": 1}, "sample has no field nothing"),
    ],
)
def test_pack_refuses_what_a_field_does_not_hold(values: dict[str, int | bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SAMPLE.pack(**values)


def test_a_declaration_must_fill_words() -> None:
    with pytest.raises(ValueError, match="broken: the last bits do not fill a word"):
        Layout("broken", first=8, second=4)
    with pytest.raises(ValueError, match="broken: the bits before tag do not fill a word"):
        Layout("broken", first=4, tag=octets(2))


def test_a_column_reads_each_row_within_its_own_bounds() -> None:
    arena = np.frombuffer(b"\0" + SAMPLE_DUMP + SAMPLE_DUMP, np.uint8)
    offsets = np.array([1, 15, 16, -1, 1 << 62, -(1 << 62), 1, 1])
    ends = np.array([29, 29, 29, 29, 29, 29, 14, 1 << 62])
    rows, whole = SAMPLE.column(arena, offsets, ends)
    assert whole.tolist() == [True, True, False, False, False, False, False, True]
    assert rows["rest"].tolist() == [5, 5, 0, 0, 0, 0, 0, 5]
    assert rows["version"].tolist() == [3, 3, 0, 0, 0, 0, 0, 3]
    assert rows["wide"][1] == 0x0102030405060708
    assert rows["tag"][7].tolist() == [10, 11, 12]


def test_a_column_of_an_empty_arena_has_no_whole_row() -> None:
    rows, whole = SAMPLE.column(np.zeros(0, np.uint8), np.array([0, 5]))
    assert whole.tolist() == [False, False]
    assert not rows["wide"].any()


def test_every_header_is_declared() -> None:
    assert len({layout.title for layout in LAYOUTS}) == len(LAYOUTS)
    assert {layout.title for layout in LAYOUTS} == {
        *("ethernet", "vlan", "snap", "sll", "sll2", "pppoe", "mpls"),
        *("ipv4", "ipv6", "extension", "fragment", "ah", "udp"),
        *("vrrp2", "vrrp3", "trailer", "carp"),
        *("arp", "neighbour", "nd_option"),
        *("igmp", "igmp3_report", "igmp3_record", "mld", "mld2_report", "mld2_record"),
        *("pfsync2", "pfsync5", "pfsync_subheader", "conntrackd", "ipvs0", "ipvs1"),
        *("hsrp1", "hsrp2", "tlv", "glbp", "glbp_tlv", "glbp_hello"),
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.title)
@settings(max_examples=40)
@given(data=st.binary(max_size=120), starts=st.lists(st.integers(-8, 130), max_size=12))
def test_column_equals_packet(layout: Layout, data: bytes, starts: list[int]) -> None:
    rows, whole = layout.column(np.frombuffer(data, np.uint8), np.array(starts, np.int64))
    for start, row, held in zip(starts, rows, whole, strict=True):
        packet = layout.unpack(data, start)
        assert held == (packet is not None)
        for field, column in zip(layout.fields, row.item(), strict=True):
            expected = None if packet is None else getattr(packet, field)
            shown = column.tobytes() if isinstance(column, np.ndarray) else column
            if expected is None:
                expected = bytes(len(shown)) if isinstance(shown, bytes) else 0
            assert shown == expected


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.title)
@settings(max_examples=40)
@given(data=st.data())
def test_pack_undoes_unpack(layout: Layout, data: st.DataObject) -> None:
    octets_of_header = data.draw(st.binary(min_size=layout.size, max_size=layout.size))
    header = layout.unpack(octets_of_header)
    assert layout.pack(**header._asdict()) == octets_of_header
