"""A rule of nft's JSON listing as one line, much as ``nft list ruleset`` shows it: evidence for people, not for nft."""

import json
from typing import Any

MAX_TEXT = 200
# Deeper than any expression that nft accepts.
MAX_DEPTH = 12


def rule_text(expressions: list[Any]) -> str:
    """The rule's statements in order; what is unfamiliar shows as its JSON."""
    text = " ".join(part for expression in expressions if (part := _text(expression, 0)))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _text(item: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(item, str | int):
        return str(item)
    if isinstance(item, list):
        return ", ".join(_text(element, depth + 1) for element in item)
    if not isinstance(item, dict) or len(item) != 1:
        return json.dumps(item)
    ((kind, body),) = item.items()
    if kind in ("counter", "log"):
        return kind if kind == "log" else ""
    if body is None:
        return str(kind)
    if isinstance(body, dict):
        return _body(kind, body, depth + 1)
    if kind == "set":
        return f"{{ {_text(body, depth + 1)} }}"
    if kind == "range" and isinstance(body, list):
        return "-".join(_text(end, depth + 1) for end in body)
    return f"{kind} {_text(body, depth + 1)}"


def _body(kind: str, body: dict[str, Any], depth: int) -> str:
    def part(key: str) -> str:
        return _text(body.get(key), depth)

    if kind == "match":
        operator = "" if body.get("op") in ("==", "in") else f"{part('op')} "
        return f"{part('left')} {operator}{part('right')}"
    if kind == "payload":
        return f"{part('protocol')} {part('field')}"
    if kind == "meta":
        key = part("key")
        return key if key in ("iif", "oif", "iifname", "oifname") else f"meta {key}"
    if kind == "ct":
        return f"ct {part('key')}"
    if kind in ("jump", "goto"):
        return f"{kind} {part('target')}"
    if kind == "prefix":
        return f"{part('addr')}/{part('len')}"
    if kind == "vmap":
        return f"{part('key')} vmap {part('data')}"
    if kind == "reject":
        return "reject"
    if kind == "elem":
        return part("val")
    return f"{kind} {json.dumps(body)}"
