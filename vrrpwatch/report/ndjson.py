"""An analysis as newline-delimited JSON: one object per line, each with its ``type``, for log shippers and ``jq``."""

import json
from collections.abc import Iterator

from vrrpwatch.report.json import Object

# The document's lists, and what one item of each is called.
_TYPES = {
    "sources": "source",
    "segments": "segment",
    "groups": "group",
    "events": "event",
    "findings": "finding",
    "multicast": "multicast",
    "second_opinion": "disagreement",
}
_COUNTS = ("skipped", "evicted")


def to_ndjson(document: Object) -> Iterator[str]:
    """The lines of a ``to_json`` document, without line ends: its items in its order, the totals last."""
    for name, kind in _TYPES.items():
        for item in document.get(name, ()):
            yield line(kind, item)
    yield line("totals", {**document["totals"], **{name: document[name] for name in _COUNTS}})


def line(kind: str, item: Object) -> str:
    """One object as one line."""
    return json.dumps({"type": kind, **item}, separators=(",", ":"))
