"""Passwords and keys of keepalived as secret files: never in the settings, nor in any line."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.config.routers import LONGEST, VrrpAuth
from vrrpwatch.agent.importing.absent import HMAC
from vrrpwatch.agent.importing.gaps import LEFT_OUT, Gaps
from vrrpwatch.declared.keepalived_fields import whole
from vrrpwatch.declared.keepalived_tree import Statement
from vrrpwatch.declared.keepalived_values import Authentication, Instance
from vrrpwatch.declared.keepalived_words import words
from vrrpwatch.declared.notes import Place

_SUFFIX: Final = ".secret"


class Secret(NamedTuple):
    """A file to be written: its name, what it is to hold, and what of the configuration that is."""

    name: str
    content: bytes
    place: Place
    what: str

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


class Secrets:
    """All that is to be kept out of the settings; ``where`` gives the path by which settings name a file."""

    def __init__(self, where: Callable[[str], str], gaps: Gaps) -> None:
        self._where = where
        self._gaps = gaps
        self.files: list[Secret] = []

    def auth(self, router: str, instance: Instance, kind: str) -> dict[str, Any] | None:
        """The router's ``auth`` of a kind that it has; ``None``, and a line, where there is nothing to sign with."""
        declared = instance.authentication
        if declared is None:
            return None
        if kind == "hmac":
            return self._hmac(router, instance, declared)
        if declared.password is None:
            return None
        content = declared.password.get_secret_value().encode("utf-8", "surrogateescape")
        return self._file(router, kind, content, declared.place, "auth_pass")

    def _file(self, router: str, kind: str, content: bytes, place: Place, what: str) -> dict[str, Any] | None:
        if content[-1:] in (b"\r", b"\n", b""):
            self._gaps.add(place, what, "a secret cannot end with the end of a line: choose another on all hosts")
            return None
        name = f"{router}{_SUFFIX}"
        table = {"type": kind, "secret_file": self._where(name)}
        if not self._gaps.fits(VrrpAuth, table, place, what):
            return None
        self.files.append(Secret(name, content, place, what))
        return table

    def _hmac(self, router: str, instance: Instance, declared: Authentication) -> dict[str, Any] | None:
        block = _block(instance, declared)
        keys, active = _keys(block)
        self._gaps.absent(block.inner, HMAC)
        for inner in block.inner:
            if inner.keyword == "mode" and inner.arguments[:1] not in ((), ("enforce",)):
                self._gaps.add(inner.place, "mode", "adverts without a signature are refused here: finish with enforce")
            elif inner.keyword == "anti_replay" and inner.arguments[:1] not in ((), ("time",)):
                self._gaps.add(inner.place, "anti_replay", "the clock counts here: keep the hosts' clocks in step")
        if active not in keys:
            self._gaps.add(block.place, "auth_hmac", f"active_key is the id of no key: {LEFT_OUT}")
            return None
        for inner in block.inner:
            if inner.keyword == "key" and _key(inner)[0] != active:
                self._gaps.add(inner.place, "key", "the agent knows one key: it refuses what is signed with this one")
        text = keys[active]
        scheme, colon, rest = text.partition(":")
        if colon and scheme == "file":
            self._gaps.add(block.place, "auth_hmac", "the key's file must hold the key itself, without hex: before it")
            table = {"type": "hmac", "key_id": active, "secret_file": rest}
            return table if self._gaps.fits(VrrpAuth, table, block.place, "auth_hmac") else None
        try:
            content = bytes.fromhex(rest) if colon and scheme == "hex" else text.encode("utf-8", "surrogateescape")
        except ValueError:
            self._gaps.add(block.place, "auth_hmac", f"the active key is no hexadecimal number: {LEFT_OUT}")
            return None
        if not 0 < len(content) <= LONGEST["hmac"]:
            self._gaps.add(block.place, "auth_hmac", f"the active key is empty: {LEFT_OUT}")
            return None
        made = self._file(router, "hmac", content, block.place, "auth_hmac key")
        return None if made is None else {"type": "hmac", "key_id": active, "secret_file": made["secret_file"]}


def _block(instance: Instance, declared: Authentication) -> Statement:
    return next(one for one in instance.statement.inner if one.place == declared.place and one.keyword == "auth_hmac")


def _keys(block: Statement) -> tuple[dict[int, str], int]:
    """The keys by id, and the id that is signed with."""
    keys: dict[int, str] = {}
    active = 0
    for inner in block.inner:
        if inner.keyword == "key":
            number, text = _key(inner)
            if number:
                keys.setdefault(number, text)
        elif inner.keyword == "active_key" and inner.arguments:
            active = whole(inner.arguments[0], 1, 255) or 0
    return keys, active


def _key(statement: Statement) -> tuple[int, str]:
    """A key's id, 0 where it has none, and its value."""
    said = () if statement.secret is None else words(statement.secret.get_secret_value())[0]
    return (whole(said[1], 1, 255) or 0, said[2]) if len(said) > 2 else (0, "")
