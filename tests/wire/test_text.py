"""No text from the wire may steer a terminal or deceive who reads it."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrrpwatch.wire.text import safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("password ~!", "password ~!"),
        ("Zürich 東京", "Zürich 東京"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\rc\td\0", r"a\x0ab\x0dc\x09d\x00"),
        ("\x7f\x9b2J", r"\x7f\x9b2J"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("soft\xadhyphen", r"soft\xadhyphen"),
        ("line\u2028end\u2029", r"line\u2028end\u2029"),
        ("\ud800\ue000\u3164\ufe0f", r"\ud800\ue000\u3164\ufe0f"),
        ("\U000e0041", r"\U000e0041"),
        ("no\xa0break\u3000", r"no\xa0break\u3000"),
        (b"pa\0ss\xff\n\x1b", r"pa\x00ss\xff\x0a\x1b"),
        ("Zürich".encode(), "Zürich"),
        (b"\xc3", r"\xc3"),
    ],
)
def test_safe_text(text: str | bytes, shown: str) -> None:
    assert safe_text(text) == shown


def test_length_is_capped() -> None:
    assert safe_text("a" * 256) == "a" * 256
    assert safe_text("a" * 257) == "a" * 256 + "…"
    assert safe_text(b"a" * 10_000_000, limit=3) == "aaa…"
    assert safe_text("€€€€".encode(), limit=3) == "€€€…"
    assert safe_text("\x1b" * 300, limit=2) == r"\x1b\x1b…"


@given(text=st.text() | st.binary())
def test_nothing_unsafe_is_left(text: str | bytes) -> None:
    shown = safe_text(text)
    assert not {category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(shown) <= 256 * 10 + 1
    assert safe_text(shown, limit=len(shown)) == shown
