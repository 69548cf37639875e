"""The mastership drawing where tenures touch and overlap."""

from tests.report import sample
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.report.charts import Scale, mastership
from vrrpwatch.report.stretches import stretches


def test_a_tenure_ends_where_the_contest_about_it_begins() -> None:
    timeline = (
        Tenure(sample.at(0), sample.at(300), (sample.A,)),
        Tenure(sample.at(150), sample.at(300), (sample.A, sample.B)),
    )
    svg = mastership(sample.vrrp_group()._replace(timeline=timeline), (), Scale(sample.at(0), sample.at(300)), 0)
    bars = [(bar.get("class"), bar.get("x"), bar.get("width")) for bar in svg.iter("rect")]
    # Half of 300 s is half of 960; the plate behind the label is no tenure.
    assert bars[1:3] == [("holder c0", "0", "480"), ("contested", "480", "480")]
    assert [text.text for text in svg.iter("text")][:2] == ["10.0.0.2", "10.0.0.2 and 10.0.0.3"]


def test_a_contest_splits_the_tenure_around_it() -> None:
    whole = Tenure(sample.at(0), sample.at(300), (sample.A,))
    contest = Tenure(sample.at(100), sample.at(200), (sample.A, sample.B))
    lost = Tenure(sample.at(300), sample.at(310), ())
    assert stretches((whole, contest, lost)) == [
        Tenure(sample.at(0), sample.at(100), (sample.A,)),
        contest,
        Tenure(sample.at(200), sample.at(300), (sample.A,)),
        lost,
    ]
    assert stretches((Tenure(1, 1, (sample.A,)),)) == [Tenure(1, 1, (sample.A,))]
    assert stretches((contest, whole._replace(first=contest.first, last=contest.last))) == [contest]


def test_a_moment_does_not_vanish() -> None:
    timeline = (Tenure(sample.at(10), sample.at(10), (sample.A,)),)
    svg = mastership(sample.vrrp_group()._replace(timeline=timeline), (), Scale(sample.at(0), sample.at(300)), 0)
    assert [bar.get("width") for bar in svg.iter("rect")][1] == "1.5"


def test_events_stay_within_the_drawing() -> None:
    svg = mastership(sample.vrrp_group(), sample.events()[:1], Scale(sample.at(0), sample.at(300)), 0)
    mark = next(svg.iter("path"))
    assert mark.get("d") == "M0.0 2 L8.0 2 L4.0 12 Z"
    assert mark.findtext("title") == "10:00:00.000000 10.0.0.2 is master (first heard)"
