"""The dashboard on a real terminal: a pseudo-terminal, with the types that ssh, tmux and the console bring."""

import signal
import termios
from io import BytesIO, TextIOWrapper

import pytest

from tests.dashboard.terminal import Terminal
from vrrpwatch.dashboard.stand_ins import readable, stand_in


@pytest.mark.parametrize(
    ("kind", "many"), [("xterm-256color", True), ("tmux-256color", True), ("screen", False), ("linux", False)]
)
def test_it_runs_on_every_kind_of_terminal_and_gives_it_back(kind: str, many: bool) -> None:
    terminal = Terminal(TERM=kind, NO_COLOR="")
    try:
        terminal.until("10.0.10.2")
        terminal.type(b"q")
        assert terminal.code() == 0
        assert (b"38;5;" in terminal.output) == many
        assert b"38;2;" not in terminal.output
        # The alternate screen is left, the cursor shown, the line discipline as it was.
        assert b"\x1b[?1049l" in terminal.output
        assert b"\x1b[?25h" in terminal.output
        assert termios.tcgetattr(terminal.slave) == terminal.settings
    finally:
        terminal.close()


def test_no_colour_reaches_a_terminal_that_wants_none() -> None:
    terminal = Terminal(TERM="xterm-256color", NO_COLOR="1")
    try:
        terminal.until("10.0.10.2")
        terminal.type(b"2")
        terminal.until("split-brain")
        terminal.type(b"q")
        assert terminal.code() == 0
        for colour in (b"38;5;", b"38;2;", b"\x1b[31", b"\x1b[36", b";31m", b";91m", b";36m"):
            assert colour not in terminal.output
    finally:
        terminal.close()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP)]
)
def test_a_signal_ends_it_and_gives_the_terminal_back(number: signal.Signals, code: int) -> None:
    terminal = Terminal(TERM="xterm-256color")
    try:
        terminal.until("10.0.10.2")
        terminal.process.send_signal(number)
        assert terminal.code() == code
        assert b"\x1b[?1049l" in terminal.output
    finally:
        terminal.close()


def test_interrupting_it_is_told_by_the_exit_code() -> None:
    terminal = Terminal(TERM="xterm-256color")
    try:
        terminal.until("10.0.10.2")
        terminal.type(b"\x03")
        assert terminal.code() == 130
    finally:
        terminal.close()


@pytest.mark.parametrize("sizes", [[(40, 10), (80, 24)], [(200, 50), (20, 5), (80, 24)], [(80, 24)]])
def test_everything_is_painted_anew_whatever_sizes_there_were_in_between(sizes: list[tuple[int, int]]) -> None:
    terminal = Terminal(TERM="xterm-256color")
    try:
        terminal.until("10.0.10.2")
        terminal.until("help")
        terminal.output = b""
        terminal.resize(*sizes)
        # The first line and the last of those that stay as they are.
        terminal.until("Membership")
        terminal.until("help")
    finally:
        terminal.close()


def test_a_mouse_selects_opens_sorts_turns_pages_scrolls_and_goes_to_a_time() -> None:
    terminal = Terminal("--groups", "40", "--recording", TERM="xterm-256color")

    def then(text: str) -> None:
        terminal.until(text)
        terminal.output = b""

    try:
        terminal.until("10.0.10.2")
        for wanted in (b"\x1b[?1000h", b"\x1b[?1006h"):
            assert wanted in terminal.output
        assert b"VRRP 21 " not in terminal.output
        for _ in range(20):
            terminal.wheel(10, 10, down=True)
        then("VRRP 40 ")
        for _ in range(20):
            terminal.wheel(10, 10, down=False)
        then("VRRP 51 ")
        # The sixth line is that of the third row.
        terminal.click(10, 6)
        terminal.type(b"\r")
        terminal.until("VRRP 52 eth0/10")
        then("Speakers")
        terminal.type(b"\x1b")
        then("VRRP 51 ")
        terminal.click(9, 3)
        then("Group▲")
        terminal.click(9, 3)
        then("Group▼")
        terminal.click(22, 2)
        then("auth-cleartext")
        terminal.click(3, 2)
        then("VRRP 52 ")
        terminal.click(10, 4, times=2)
        then("Speakers")
        terminal.click(41, 23)
        then("12:05:00")
        terminal.type(b"q")
        assert terminal.code() == 0
    finally:
        terminal.close()


def test_a_locale_without_utf_8_gets_ascii_of_the_same_width() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "NO_COLOR": "1"}
    terminal = Terminal("--recording", TERM="xterm-256color", **plain)
    try:
        terminal.until("10.0.10.2")
        terminal.until("x contested")
        terminal.type(b"2")
        terminal.until("split-brain")
        terminal.type(b"z")
        terminal.until("Silent for how long?")
        terminal.type(b"\x03")
        assert terminal.code() == 130
        assert terminal.output.isascii()
        assert b"\\u" not in terminal.output
    finally:
        terminal.close()


def test_stand_ins_are_as_wide_as_what_they_stand_for() -> None:
    assert stand_in("✔ held … ▁▄█ 10 µs") == "+ held ~ -:# 10 us"
    # A wide character takes two cells, a combining one none.
    assert stand_in("\u6f22e\u0301") == "??e"


def test_what_a_terminal_cannot_show_is_given_a_stand_in_for_a_while() -> None:
    raw = BytesIO()
    terminal = TextIOWrapper(raw, encoding="latin-1", errors="backslashreplace")
    with readable(terminal):
        terminal.write("▲ µ")
    terminal.write("▲")
    terminal.flush()
    assert raw.getvalue() == b"^ \xb5\\u25b2"
    with readable(None):
        pass
