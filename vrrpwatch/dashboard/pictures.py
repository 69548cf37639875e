"""The screen as an SVG file that loads nothing from elsewhere and overwrites nothing."""

import re
from pathlib import Path
from typing import Final

from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Instant

MAX_PICTURES: Final = 1_000
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def without_fonts(svg: str) -> str:
    """A picture that loads no fonts from elsewhere: whoever opens it tells nobody."""
    return _FONTS.sub("", svg)


def write_picture(svg: str, folder: Path, at: Instant) -> Path:
    """Writes a new file named by the instant in ``folder``, and returns its path.  Raises ``OSError``."""
    stem = "vrrpwatch-" + re.sub(r"\D", "", rfc3339(at)[:10]) + "-" + re.sub(r"\D", "", rfc3339(at)[11:19])
    for number in range(1, MAX_PICTURES):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.svg"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(without_fonts(svg))
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{folder / stem}.svg and a thousand more are there already")
