"""The timeline of a group: contests of pairs become stretches of all who contest at a time."""

from ipaddress import ip_address

from tests.core.builders import instant, run, unlossy, vrrp
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.census import Census, Witnesses, describe
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.mastership import Mastership
from vrrpwatch.core.model import Evidence
from vrrpwatch.core.neighbours import Neighbours
from vrrpwatch.core.runs import Contents, Piece

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def test_three_masters_are_one_contest_while_they_last() -> None:
    findings, census, contents = Findings(), Census(), Contents()
    mastership = Mastership(findings, Neighbours(findings), unlossy(findings), lambda _: None)
    for speaker, first, last in ((A, 0.0, 30.0), (B, 10.0, 20.0), (C, 12.0, 25.0)):
        heard = run(vrrp(speaker), first, last)
        piece = Piece(contents.add(heard.advert, 0), 0, heard.first, heard.last, heard.count, 1, 2, 0)
        mastership.advance(heard.first)
        census.count(piece)
        mastership.hear(heard.advert, heard.first, heard.last, Evidence(0, 1), Evidence(0, 2))
    mastership.finish(instant(30.0))
    ((key, record),) = census.groups.items()
    nobody = Witnesses(lambda _: (), lambda _: (), lambda _, __: (None, None))
    group = describe(key, record, mastership.trackers[key], nobody, instant(30.0))
    one, two, three = (ip_address(text) for text in (A, B, C))
    assert group.timeline == (
        Tenure(instant(0.0), instant(30.0), (one,)),
        Tenure(instant(10.0), instant(12.0), (one, two)),
        Tenure(instant(12.0), instant(20.0), (one, two, three)),
        Tenure(instant(20.0), instant(25.0), (one, three)),
    )
    assert sorted(found.subject for found in findings.all()) == [f"{A}, {B}", f"{A}, {C}", f"{B}, {C}"]
