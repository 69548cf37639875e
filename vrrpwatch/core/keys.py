"""The keys of a key file (TOML): which secret belongs to which groups; reading files is the caller's, and injected."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from vrrpwatch.core.fields import Addresses, Name, Table, filled
from vrrpwatch.core.model import GroupKey

Use = Literal["vrrp-simple", "vrrp-ah", "vrrp-hmac", "carp"]
# The validation context holds this under "read": it returns a secret file's bytes, or raises ValueError saying why not.
Reader = Callable[[Path], bytes]

# The fields' sizes: RFC 2338 §5.3.10 and keepalived's auth_pass (8 bytes), ip_carp.h CARP_KEY_LEN (20).
LONGEST: Final[dict[str, int]] = {"vrrp-simple": 8, "vrrp-ah": 8, "carp": 20}
MAX_SECRET: Final = 4096


Secret = Annotated[bytes | None, Field(repr=False)]


class Key(Table):
    """One secret and the groups it belongs to; exactly one of ``secret``, ``secret_hex`` and ``secret_file`` gives it.

    ``addresses`` are the address sets that a CARP group may have been configured with: the digest covers them, but the
    advertisement does not carry them.
    """

    protocol: Use
    segment: Name = "*"
    id: Annotated[int, Field(strict=True, ge=1, le=255)] | None = None
    family: Literal[4, 6] | None = None
    key_id: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None
    addresses: tuple[Addresses, ...] = ()
    secret: Secret = None
    secret_hex: Secret = None
    secret_file: Annotated[bytes | None, Field(repr=False, validate_default=True)] = None

    @field_validator("key_id", mode="after")
    @classmethod
    def _key_id_of_hmac(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("protocol", "vrrp-hmac") != "vrrp-hmac":
            raise ValueError('only protocol = "vrrp-hmac" has key ids: remove it')
        return value

    @field_validator("addresses", mode="after")
    @classmethod
    def _addresses_of_carp(cls, value: tuple[Addresses, ...], info: ValidationInfo) -> tuple[Addresses, ...]:
        if value and info.data.get("protocol", "carp") != "carp":
            raise ValueError('only protocol = "carp" has address sets: remove them')
        return value

    @field_validator("secret", mode="before")
    @classmethod
    def _text(cls, value: object, info: ValidationInfo) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError("is no text: put it in quotes")
        return _sized(value.encode(), info)

    @field_validator("secret_hex", mode="before")
    @classmethod
    def _hexadecimal(cls, value: object, info: ValidationInfo) -> bytes | None:
        if value is None:
            return None
        try:
            data = bytes.fromhex(value if isinstance(value, str) else "no text")
        except ValueError:
            raise ValueError("is no hexadecimal text: write two digits 0-9, a-f per byte, in quotes") from None
        return _sized(data, info)

    @field_validator("secret_file", mode="before")
    @classmethod
    def _from_file(cls, value: object, info: ValidationInfo) -> bytes | None:
        given = [name for name in ("secret", "secret_hex") if info.data.get(name) is not None]
        given += ["secret_file"] * (value is not None)
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} both give the secret: keep one of them")
        if value is None:
            if not given and {"secret", "secret_hex"} <= info.data.keys():
                raise ValueError("the secret is missing: add secret, secret_hex or secret_file")
            return None
        if not isinstance(value, str):
            raise ValueError("is no path: put it in quotes")
        read: Reader | None = (info.context or {}).get("read")
        if read is None:
            raise ValueError("files cannot be read here: use secret or secret_hex")
        # Editors end a file with a newline that is no part of the secret.
        return _sized(read(Path(value)).removesuffix(b"\n").removesuffix(b"\r"), info)

    @property
    def value(self) -> bytes:
        """The secret's bytes."""
        return self.secret or self.secret_hex or self.secret_file or b""

    def applies(self, group: GroupKey) -> bool:
        return (
            self.protocol.partition("-")[0] == group.protocol
            and self.id in (None, group.id)
            and self.family in (None, group.family)
            and fnmatchcase(group.segment, self.segment)
        )


def _sized(data: bytes, info: ValidationInfo) -> bytes:
    if not data:
        raise ValueError("the secret is empty: fill it in")
    most = LONGEST.get(info.data.get("protocol", ""), MAX_SECRET)
    if len(data) > most:
        raise ValueError(
            f"the secret is {len(data)} bytes long, but {most} is the most that the protocol uses: shorten it"
        )
    return data


class Keys(Table):
    """A key file."""

    version: Literal[1]
    key: Annotated[tuple[Key, ...], filled]

    def matching(self, use: Use, group: GroupKey) -> tuple[Key, ...]:
        """The keys for ``use`` that apply to ``group``, in the file's order."""
        return tuple(key for key in self.key if key.protocol == use and key.applies(group))
