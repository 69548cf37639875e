"""Every key of the dashboard: one table, from which bindings, help and the command palette are made."""

from typing import Final, NamedTuple


class Key(NamedTuple):
    """A key as Textual knows it (``keys``, several with commas) and as people do (``shown``), and what it does.

    ``action`` is the application's; empty where the widget that has the focus acts on it.
    """

    keys: str
    shown: str
    action: str
    text: str


class Section(NamedTuple):
    """Keys that belong together; ``player`` ones work with a recording only."""

    title: str
    keys: tuple[Key, ...]
    player: bool = False


PAGES: Final = (
    ("groups", "Groups"),
    ("findings", "Findings"),
    ("multicast", "Multicast"),
    ("members", "Membership"),
    ("events", "Events"),
    ("rules", "Rules"),
)

SECTIONS: Final = (
    Section(
        "Pages",
        (
            *(Key(str(number), str(number), f"page('{name}')", title) for number, (name, title) in enumerate(PAGES, 1)),
            Key("tab", "Tab", "turn(1)", "next page"),
            Key("shift+tab", "Shift+Tab", "turn(-1)", "page before"),
            Key("enter", "Enter", "", "open what is under the cursor (a double click does too)"),
            Key("escape", "Esc", "back", "back to where you came from; or clear the filter"),
        ),
    ),
    Section(
        "Rows",
        (
            Key("up,down,k,j", "↑ ↓ k j", "", "move the cursor, or scroll"),
            Key("pageup,pagedown", "PgUp PgDn", "", "a screen up or down"),
            Key("home,end", "Home End", "", "to the top, and stay there; to the end"),
            Key(
                "slash",
                "/",
                "filter",
                "filter: rows that hold every word in any column; !word: those that do not. Enter keeps, Esc clears it",
            ),
            Key(
                "", "A … Z", "", "sort by the column with this capital letter in its title; again: the other way round"
            ),
        ),
    ),
    Section(
        "Group page",
        (Key("left_square_bracket,right_square_bracket", "[ ]", "", "an older packet, a newer packet"),),
    ),
    Section(
        "Findings",
        (
            Key("a", "a", "acknowledge", "acknowledge the finding under the cursor; again: take it back"),
            Key("z", "z", "silence", "silence it for a time; on a silent one: end the silence"),
        ),
    ),
    Section(
        "Rules",
        (Key("c", "c", "copy", "copy the firewall rule under the cursor to the terminal's clipboard"),),
    ),
    Section(
        "Screen",
        (
            Key("space", "Space", "freeze", "freeze the screen; counting goes on. Again: show what is now"),
            Key("m", "m", "mask", "privacy mask: addresses, MACs and names become numbered stand-ins"),
            Key("s", "s", "picture", "save the screen as an SVG file"),
            Key("t", "t", "next_theme", "next theme: dark, light, colour-blind, 16-colour, no-colour"),
            Key("question_mark,f1", "?", "help", "this help"),
            Key("ctrl+p,colon", "Ctrl+P :", "command_palette", "command palette"),
            Key("q", "q", "quit", "quit"),
        ),
    ),
    Section(
        "Recording",
        (
            Key("p", "p", "play", "play, pause (Space only freezes the screen)"),
            Key("left,right", "← →", "", "10 s back, 10 s on"),
            Key("left", "", "seek(-10)", "10 s back"),
            Key("right", "", "seek(10)", "10 s on"),
            Key("less_than_sign,greater_than_sign", "< >", "", "a twentieth of the recording back, on"),
            Key("less_than_sign", "", "leap(-1)", "a twentieth back"),
            Key("greater_than_sign", "", "leap(1)", "a twentieth on"),
            Key("plus,equals_sign", "+", "speed(2)", "twice the speed"),
            Key("minus", "-", "speed(0.5)", "half the speed"),
            Key("0", "0", "restart", "back to the beginning"),
        ),
        player=True,
    ),
)


def bound() -> list[Key]:
    """The keys that the application binds itself; the palette has a binding of its own."""
    return [
        key
        for section in SECTIONS
        for key in section.keys
        if key.action and key.keys and key.action != "command_palette"
    ]
