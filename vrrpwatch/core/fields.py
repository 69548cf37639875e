"""The field types that policy and key files share: addresses, MACs, names and unique lists, as pydantic checks them."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, StringConstraints

from vrrpwatch.wire.values import IPAddress

Item = TypeVar("Item")


class Table(BaseModel):
    """A TOML table: what it does not know it refuses, and its values never show in error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _address(value: object) -> IPAddress:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        # Numbers would do for ip_address(), but not for whoever reads the file.
        address = ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError('is no IP address: write "192.0.2.1" or "2001:db8::1"') from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"holds an interface (%...): remove it from {address}")
    return address


def _mac(text: str) -> str:
    pairs = text.lower().replace("-", ":").split(":")
    if len(pairs) != 6 or any(len(pair) != 2 or set(pair) - set("0123456789abcdef") for pair in pairs):
        raise ValueError("is no MAC address: write it as aa:bb:cc:dd:ee:ff")
    return ":".join(pairs)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds control characters: remove them")
    return text


def _unique(items: tuple[Item, ...]) -> tuple[Item, ...]:
    seen: set[Item] = set()
    for item in items:
        if item in seen:
            raise ValueError(f"lists {item} twice: keep it once")
        seen.add(item)
    return items


def _filled(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise ValueError("is empty: list at least one")
    return items


unique = AfterValidator(_unique)
filled = AfterValidator(_filled)

Name = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_printable)]
MacAddress = Annotated[str, AfterValidator(_mac)]
Address = Annotated[IPv4Address | IPv6Address, PlainValidator(_address)]
Addresses = Annotated[tuple[Address, ...], unique]
