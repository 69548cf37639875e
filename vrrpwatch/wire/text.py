"""Text that came off the wire or out of a file, made safe to print: nothing in it can steer a terminal or a reader."""

# Letters and marks that take no space, so that two different texts look the same.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE10)))

# What a cell of a common spreadsheet holds at most, apostrophe and ellipsis included, is 32,767 characters.
MAX_CELL = 32_000
# A cell that begins so is a formula to a spreadsheet (OWASP "CSV Injection"): an apostrophe in front makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def safe_text(text: str | bytes, limit: int = 256) -> str:
    r"""``text`` with every character that is not plainly visible written as an escape (``\x1b``, ``\u202e``).

    Bytes are read as UTF-8, others than that are escaped one by one.  More than ``limit`` characters of it
    end in an ellipsis, so hostile text cannot flood a screen.
    """
    if isinstance(text, bytes):
        # Four bytes at most make one character, so the limit holds whatever they are.
        text = text[: limit * 4 + 4].decode("utf-8", "surrogateescape")
    shown = "".join(_visible(character) for character in text[:limit])
    return shown + "…" if len(text) > limit else shown


def spreadsheet_text(text: str) -> str:
    """``text`` as a cell that no spreadsheet evaluates, and that fits one: safe to print as well."""
    shown = safe_text(text, MAX_CELL)
    # Spreadsheets pass over leading blanks before they look for a formula.
    return "'" + shown if shown.lstrip(" ").startswith(_FORMULA) else shown


def _visible(character: str) -> str:
    if " " <= character <= "~":
        return character
    # Not printable are control, format (bidi overrides, zero width), surrogate, private and unassigned characters,
    # and all separators but the space.
    if character.isprintable() and character not in _INVISIBLE:
        return character
    code = ord(character)
    # A byte that was no UTF-8 travels as a lone low surrogate (PEP 383): show the byte itself.
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
