"""Who joined which multicast group, and who asks for it: IGMP and MLD membership with the queriers."""

from typing import Final, NamedTuple

from textual.app import ComposeResult

from vrrpwatch.core.model import Instant
from vrrpwatch.core.news import View
from vrrpwatch.dashboard import words
from vrrpwatch.dashboard.columns import Column, Scene
from vrrpwatch.dashboard.document import Bar
from vrrpwatch.dashboard.groups import address_order
from vrrpwatch.dashboard.page import OpenPage, Page
from vrrpwatch.dashboard.table import Table
from vrrpwatch.wire.values import IPAddress, Mac


class MemberRow(NamedTuple):
    """A member of ``group``, or a querier of ``protocol`` where there is no group; ``since`` is its last query."""

    segment: str
    protocol: str
    group: IPAddress | None
    ip: IPAddress
    mac: Mac | None
    since: Instant


class MembersPage(Page):
    """Members and queriers of all segments."""

    def __init__(self, abridged: bool, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._abridged = abridged

    def compose(self) -> ComposeResult:
        nothing = "no IGMP or MLD heard: nobody queries, nobody reports"
        if self._abridged:
            nothing = "no silent backups known"
        table: Table[MemberRow, tuple[object, ...]] = Table(COLUMNS, lambda row: row[:4], nothing=nothing)
        yield table
        if self._abridged:
            bar = Bar(id="kept")
            bar.show([(" silent backups only: ", ""), (f"other members and queriers are {words.NOT_KEPT}", "dim")])
            yield bar

    def collect(self, view: View, scene: Scene, *, due: bool) -> None:
        if not due or self.table is None:
            return
        rows = [MemberRow(who.segment, who.protocol, None, who.ip, None, who.last) for who in view.queriers()]
        rows += [
            MemberRow(who.segment, "mld" if who.group.version == 6 else "igmp", who.group, who.ip, who.mac, who.joined)
            for who in view.members()
        ]
        rows.sort(key=lambda row: (row.segment, row.protocol, row.group is not None, address_order(row.group)))
        self.table.load(rows, scene)

    def on_table_chosen(self, message: Table.Chosen) -> None:
        self.post_message(OpenPage("groups", message.row.segment))


COLUMNS: Final[tuple[Column[MemberRow], ...]] = (
    Column("Segment", 9, lambda row, scene: scene.mask.name(row.segment), lambda row: row.segment, share=1, most=30),
    Column(
        "Role",
        9,
        lambda row, _: "◆ querier" if row.group is None else "· member",
        lambda row: row.group is not None,
        style=lambda row, _: "accent" if row.group is None else "",
    ),
    Column("Protocol", 8, lambda row, _: row.protocol.upper(), lambda row: row.protocol, rank=2),
    Column(
        "multicast Group",
        15,
        lambda row, scene: "all" if row.group is None else scene.mask.ip(row.group),
        lambda row: address_order(row.group),
        share=1,
        most=30,
    ),
    Column(
        "Host",
        15,
        lambda row, scene: scene.mask.ip(row.ip),
        lambda row: address_order(row.ip),
        share=1,
        most=30,
        middle=True,
    ),
    Column("mAc", 17, lambda row, scene: scene.mask.mac(row.mac), lambda row: row.mac or "", rank=1),
    Column(
        "since",
        7,
        lambda row, scene: words.age(row.since, scene.now),
        rank=3,
        right=True,
        searched=False,
    ),
)
