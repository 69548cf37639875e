"""The HTML page: whole by itself, nothing from the wire becomes markup, and drawings that can be read aloud."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

from tests.report import sample
from vrrpwatch.core.analysis import Tenure
from vrrpwatch.core.model import GroupKey
from vrrpwatch.report.charts import Scale
from vrrpwatch.report.html import to_html

VOID = {"meta", "link", "br", "img", "input", "hr"}
# Every way an HTML page has to fetch something or to run something.
FETCHING = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "image", "use"}


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_page_fetches_and_runs_nothing() -> None:
    text = to_html(sample.sample())
    page = Page(text)
    assert not FETCHING & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(http" not in text
    assert "@import" not in text


def test_policy_allows_the_page_style_and_nothing_else() -> None:
    text = to_html(sample.sample())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    policy = next(meta["content"] for meta in Page(text).all("meta") if "http-equiv" in meta)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_light_and_dark() -> None:
    text = to_html(sample.sample())
    assert text.isascii()
    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text


def test_everything_is_told_in_words_too() -> None:
    page = Page(to_html(sample.sample()))
    assert "10:00:00 to 10:01:00 10.0.0.2; 10:01:00 to 10:01:03 nobody" in page.text
    assert "10:04:10 to 10:05:00 10.0.0.2 and 10.0.0.3 (contested)" in page.text
    assert "31.0 packets per second on average, 900 in the busiest second" in page.text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    drawings = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    # Three groups and three destinations.
    assert len(drawings) == 6
    for svg in drawings:
        assert set((svg["aria-labelledby"] or "").split()) <= set(ids)


def test_contested_time_is_hatched_and_lost_time_marked() -> None:
    bars = [bar["class"] for bar in Page(to_html(sample.sample())).all("rect")]
    assert bars.count("contested") == 1
    assert bars.count("lost") == 2
    # 250 to 300 s of 300 s on a drawing 960 wide.
    contested = next(bar for bar in Page(to_html(sample.sample())).all("rect") if bar["class"] == "contested")
    assert (contested["x"], contested["width"]) == ("800", "160")


def test_findings_and_timeline() -> None:
    page = Page(to_html(sample.sample()))
    assert "✖ critical split-brain: VRRP 51 on eth0/10" in page.text
    assert "a.pcap packets 912, 913; b.pcapng packet 57" in page.text
    assert "2026-03-01 10:01:03.609000" in page.text


def test_hostile_text_is_text() -> None:
    evil = "</title></style><script>alert(1)</script><img src=x onerror=y>\"'&\x1b\u202e"
    key = GroupKey(evil, "vrrp", 4, 1, evil)
    analysis = sample.sample()._replace(
        groups=(sample.vrrp_group()._replace(key=key),),
        findings=(replace(sample.findings()[0], summary=evil, group=key),),
        multicast=(sample.volumes()[0]._replace(destination=evil, protocol=evil, segment=evil),),
        sources=(sample.sample().sources[0]._replace(path=evil, damage=evil, format=evil),),
        skipped={evil: 1},
    )
    text = to_html(analysis)
    page = Page(text)
    assert not FETCHING & {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text
    assert not {"\x1b", "\u202e"} & set(text)


def test_empty_analysis() -> None:
    page = Page(to_html(sample.empty()))
    assert "No VRRP, CARP, HSRP or GLBP advertisements in 1,234 packets" in page.text


def test_instantaneous_capture_has_a_drawing() -> None:
    group = sample.carp_group()._replace(last=sample.at(0), timeline=(Tenure(sample.at(0), sample.at(0), (sample.A,)),))
    analysis = sample.empty()._replace(groups=(group,))
    assert len(Page(to_html(analysis)).all("rect")) >= 2


def test_second_opinion() -> None:
    item = {"packet": 3, "field": "checksum", "ours": "plain", "theirs": None, "reason": "RFC 9568"}
    assert "checksum plain RFC 9568" in Page(to_html(sample.empty(), [item])).text
    assert "tshark agrees" in Page(to_html(sample.empty(), [])).text


def test_ticks_are_round_and_few() -> None:
    assert Scale(sample.at(0), sample.at(300)).ticks() == [sample.at(60 * minute) for minute in range(6)]
    for seconds in (0, 0.5, 1, 59, 86_400, 40 * 86_400, 9_000_000_000):
        assert 2 <= len(Scale(0, int(seconds * 1e9)).ticks()) <= 9
