"""Text from a policy as a comment in rules: cut down to characters that no rule language gives a meaning."""

from typing import Final

# xt_comment holds 255 octets and a nftables comment 128; what a person reads fits the shorter.
MAX_COMMENT: Final = 120

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .:/_-@|=,+")


def comment(text: str) -> str:
    """``text`` with every other character as ``?``, and cut; it never ends a quote, a line or a statement."""
    return "".join(char if char in _PLAIN else "?" for char in text[:MAX_COMMENT])
