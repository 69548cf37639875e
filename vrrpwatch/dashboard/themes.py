"""The dashboard's themes, and the styles that the line API paints with: names of meanings, not of colours."""

import os
from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

DARK, LIGHT, COLOUR_BLIND, SIXTEEN, NO_COLOUR = "dark", "light", "colour-blind", "16-colour", "no-colour"

# What Textual's own style sheets ask of a theme that leaves colours to the terminal.
_ANSI: Final = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "border-blurred": "ansi_default",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_bright_blue",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_bright_blue",
    "screen-selection-foreground": "ansi_black",
}
# The colour-blind palette is that of Okabe and Ito (2008, https://jfly.uni-koeln.de/color/): its members stay apart
# for every common form of colour blindness.
THEMES: Final = (
    Theme(
        DARK,
        primary="#5aa9e6",
        secondary="#7fc8f8",
        success="#5fd38d",
        warning="#f2c14e",
        error="#ff6b6b",
        accent="#c792ea",
        foreground="#dfe3ea",
        background="#14171c",
        surface="#1b1f26",
        panel="#232934",
    ),
    Theme(
        LIGHT,
        primary="#1565a8",
        secondary="#24639c",
        success="#17703a",
        warning="#8a5a00",
        error="#b3202c",
        accent="#7a3fa0",
        foreground="#1c2128",
        background="#fbfbf9",
        surface="#f0f0ec",
        panel="#e4e5e0",
        dark=False,
    ),
    Theme(
        COLOUR_BLIND,
        primary="#56b4e9",
        secondary="#56b4e9",
        success="#56b4e9",
        warning="#f0e442",
        error="#e8772e",
        accent="#cc79a7",
        foreground="#e6e6e6",
        background="#101216",
        surface="#181b21",
        panel="#222731",
    ),
    Theme(
        SIXTEEN,
        primary="ansi_cyan",
        secondary="ansi_cyan",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_bright_red",
        accent="ansi_magenta",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        ansi=True,
        variables=_ANSI | {"block-cursor-foreground": "ansi_black", "block-cursor-background": "ansi_cyan"},
    ),
    Theme(
        NO_COLOUR,
        primary="ansi_default",
        secondary="ansi_default",
        success="ansi_default",
        warning="ansi_default",
        error="ansi_default",
        accent="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        ansi=True,
        variables=_ANSI
        | {
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "reverse",
        },
    ),
)
NAMES: Final = tuple(theme.name for theme in THEMES)


def suitable(color_system: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The theme for a terminal: none of the colours it lacks, and no colour where NO_COLOR says so."""
    if environment.get("NO_COLOR"):
        return NO_COLOUR
    return DARK if color_system in ("truecolor", "256") else SIXTEEN


class Palette:
    """The styles of one theme by meaning; painting asks for them by name, so that no page knows a colour."""

    def __init__(self, theme: Theme) -> None:
        colours = theme.to_color_system().generate()

        def colour(name: str) -> Color:
            return Color.parse(colours[name])

        text, back = colour("foreground"), colour("background")
        if theme.ansi:
            plain = Style()
            dim = Style(dim=True) if theme.name != NO_COLOUR else plain
            self.cursor = Style(reverse=True)
            bar = Style(reverse=True)
            self.base = plain
            head = Style(color=colour("primary").rich_color, bold=True, underline=True)
        else:
            plain = Style(color=text.rich_color, bgcolor=back.rich_color)
            dim = Style(color=back.blend(text, 0.6).rich_color)
            self.cursor = Style(bgcolor=back.blend(colour("primary"), 0.32).rich_color)
            bar = Style(color=text.rich_color, bgcolor=colour("panel").rich_color)
            self.base = plain
            head = Style(color=colour("primary").rich_color, bgcolor=colour("surface").rich_color, bold=True)

        def paint(name: str, bold: bool = False) -> Style:
            return Style(color=colour(name).rich_color, bold=bold or None)

        good, warning, bad = paint("success"), paint("warning"), paint("error", bold=True)
        self._styles: dict[str, Style] = {
            "": Style(),
            "dim": dim,
            "bold": Style(bold=True),
            "good": good,
            "warning": warning,
            "bad": bad,
            "info": paint("secondary"),
            "accent": paint("accent"),
            "key": paint("primary", bold=True),
            "head": head,
            "sorted": head + Style(reverse=True),
            "bar": bar,
            "tab": bar + Style(reverse=not theme.ansi, bold=True),
            "alarm": bad + Style(reverse=True),
            "notice": warning + Style(reverse=True),
            "section": paint("primary", bold=True),
            "graph": paint("secondary"),
        }

    def __getitem__(self, name: str) -> Style:
        return self._styles[name]


# Until the application says which theme is on.
PLAIN: Final = Palette(THEMES[0])
