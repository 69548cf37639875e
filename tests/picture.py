"""Draws the report of a sample as the README shows it: ``python -m tests.picture`` writes ``docs/report.svg``."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
SAMPLE = "captures/keepalived-crash.pcap"
WIDTH = 80  # that of a report which goes to no terminal


def report() -> str:
    """What the terminal shows, colours included."""
    command = [str(Path(sys.executable).with_name("vrrpwatch")), "analyze", "--color", "always", SAMPLE]
    environment = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def picture() -> str:
    """The report as SVG; it loads no fonts from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ vrrpwatch analyze {SAMPLE}", style="bold"))
    console.print(Text.from_ansi(report()), soft_wrap=True)
    svg = console.export_svg(title="vrrpwatch", unique_id="report")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    (ROOT / "docs/report.svg").write_text(picture())
