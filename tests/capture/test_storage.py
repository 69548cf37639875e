"""Captures that are open at a time: each takes the memory that it uses, not all that it might."""

import os
from pathlib import Path

import pytest

from vrrpwatch.capture.reader import CaptureReader

STATUS = Path("/proc/self/statm")


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell how much memory a process has")
def test_an_open_capture_takes_little_memory() -> None:
    CaptureReader("warm", wanted=frozenset())
    before = resident()
    readers = [CaptureReader("unread", wanted=frozenset()) for _ in range(50)]
    # What the tables of one could hold is 19 MB.
    assert resident() - before < 50 * 4 << 20
    assert len(readers) == 50
