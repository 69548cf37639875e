"""The field types of the agent's settings: names, devices, networks, commands and secrets, as pydantic checks them."""

import re
from collections.abc import Callable
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, ValidationInfo

from vrrpwatch.core.fields import Name, filled

Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network
# The validation context holds this under "read": it returns a secret file's bytes, or raises ValueError saying why not.
Reader = Callable[[Path], bytes]

# linux/if.h: IFNAMSIZ is 16, with the zero at the end; dev_valid_name() of net/core/dev.c says what no name may hold.
_DEVICE: Final = re.compile(r"[^\s/:\x00-\x1f\x7f]{1,15}")


def _device(text: str) -> str:
    if not _DEVICE.fullmatch(text) or text in (".", "..") or not text.isascii():
        raise ValueError("is no interface name: 1 to 15 characters, no spaces, colons or slashes")
    return text


def _interface(value: object) -> Interface:
    try:
        made = ip_interface(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError('is no address: write "192.0.2.1/24" or "2001:db8::1/64"') from None
    if isinstance(made, IPv6Interface) and made.ip.scope_id is not None:
        raise ValueError(f"holds an interface (%...): remove it from {made.ip}")
    if made.ip.is_unspecified or made.ip.is_multicast or made.ip.is_loopback:
        raise ValueError(f"{made.ip} can be no host's address")
    return made


def _network(value: object) -> Network:
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError('is no network: write "192.0.2.0/24", with no bits below the prefix, or one address') from None


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError("is no absolute path: begin it with /")
    return path


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a zero byte: remove it")
    return text


def _program(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command[0].startswith("/"):
        raise ValueError("the program is no absolute path: begin it with /, no search path and no shell is used")
    return command


def _secret(value: object, info: ValidationInfo) -> bytes:
    if not isinstance(value, str):
        raise ValueError("is no path: put it in quotes")
    read: Reader | None = (info.context or {}).get("read")
    if read is None:
        raise ValueError("files cannot be read here")
    # Editors end a file with a newline that is no part of the secret.
    data = read(Path(value)).removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise ValueError("the file is empty: fill it in")
    return data


def whole(least: int, most: int) -> Any:
    """What makes a field an integer from ``least`` to ``most``; no text or float passes for one."""
    return Field(strict=True, ge=least, le=most)


# What stands in notify lines, logs and JSON: nothing that a careless script could take for more.
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,64}$")]
Device = Annotated[str, AfterValidator(_device)]
InterfaceAddress = Annotated[IPv4Interface | IPv6Interface, PlainValidator(_interface)]
NetworkAddress = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Argument = Annotated[str, Field(max_length=4096), AfterValidator(_no_nul)]
Command = Annotated[tuple[Argument, ...], Field(max_length=64), filled, AfterValidator(_program)]
SecretFile = Annotated[bytes, BeforeValidator(_secret), Field(repr=False)]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
Delay = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]
Period = Annotated[float, Field(ge=0.05, le=86_400, allow_inf_nan=False)]
Timeout = Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)]
UserName = Name
