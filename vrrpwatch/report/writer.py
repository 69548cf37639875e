"""What a report is written to: the little of a text file that reports use."""

from typing import Protocol


class TextSink(Protocol):
    """Takes text; knows its encoding and whether it is a terminal."""

    @property
    def encoding(self) -> str:
        """The encoding's name, such as ``utf-8``."""

    def write(self, text: str, /) -> int:
        """Writes all of ``text`` and returns its length."""

    def isatty(self) -> bool:
        """Whether a person is likely to be looking."""
