"""Who is told what, and how: the alert settings file (TOML), every fault in it reported at once with its place."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.functional_validators import ModelWrapValidatorHandler, WrapValidator

from vrrpwatch import settings
from vrrpwatch.alerts.quiet import EVENTS, QUIET
from vrrpwatch.core.faults import with_repeats
from vrrpwatch.core.fields import Name, Table, filled, unique
from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import Severity

# Each sink has a thread and a queue.
MAX_SINKS: Final = 32

# The validation context holds this under "read": it returns a secret file's bytes, or raises ValueError saying why not.
Reader = Callable[[Path], bytes]


def _secret(value: object, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError("is no path: put it in quotes")
    read: Reader | None = (info.context or {}).get("read")
    if read is None:
        raise ValueError("files cannot be read here")
    # Editors end a file with a newline that is no part of the secret.
    text = read(Path(value)).decode("utf-8", "replace").rstrip("\r\n")
    if not text:
        raise ValueError("the file is empty: fill it in")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("the file holds more than one line of printable ASCII without spaces: correct it")
    return text


def _url(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is no URL: it holds spaces or characters that must be escaped")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is no URL ({error}): correct it") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no web address: write http://HOST… or https://HOST…")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or password: secrets belong into a file, see token_file and url_file")
    return text


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or "\0" in str(path):
        raise ValueError("is no absolute path: begin it with /")
    return path


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a zero byte: remove it")
    return text


def _severity(value: object) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise ValueError('is no severity: write "info", "warning" or "critical"') from None


# The setting names the file, the field holds what stands in it.
SecretFile = Annotated[str, BeforeValidator(_secret)]
Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Argument = Annotated[str, Field(max_length=4096), AfterValidator(_no_nul)]
Threshold = Annotated[Severity, BeforeValidator(_severity)]


def _of_events(globs: tuple[str, ...]) -> tuple[str, ...]:
    return _matching(globs, EVENTS, "event")


def _of_rules(globs: tuple[str, ...]) -> tuple[str, ...]:
    return _matching(globs, tuple(RULES), "rule")


def _matching(globs: tuple[str, ...], names: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Refuses patterns that no name matches: nothing would ever come of them."""
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise ValueError(f"{glob} matches no {what}: the known ones are {', '.join(names)}")
    return globs


Events = Annotated[tuple[Name, ...], unique, AfterValidator(_of_events)]
Globs = Annotated[tuple[Name, ...], unique, filled]
Timeout = Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
Quiet = Annotated[float, Field(ge=1, le=30 * 86_400, allow_inf_nan=False)]


def _known_rules(table: dict[str, float]) -> dict[str, float]:
    for rule in table:
        if rule not in QUIET:
            raise ValueError(f"{rule[:64]!a} is no rule: the known ones are {', '.join(QUIET)}")
    return table


QuietTimes = Annotated[dict[str, Quiet], AfterValidator(_known_rules)]


class Filter(Table):
    """What an alert is about, as shell patterns; a kind that is not given says nothing."""

    rules: Annotated[tuple[Name, ...], unique, filled, AfterValidator(_of_rules)] | None = None
    segments: Globs | None = None
    groups: Globs | None = None


class Rate(Table):
    """``messages`` in a burst, resolutions included, and as many again in ``seconds``; 0 messages: no limit."""

    messages: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 10
    seconds: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] = 60.0


class Sink(Table):
    """What all sinks have: a name, what they want to hear, and how often."""

    name: Name
    severity: Threshold = Severity.WARNING
    include: Filter = Filter()
    exclude: Filter = Filter()
    events: Events = ()
    resolved: bool = True
    rate: Rate = Rate()
    quiet: QuietTimes = Field(default_factory=dict)


class Hook(Sink):
    """A program that gets each alert on its standard input; the first argument is its path."""

    type: Literal["hook"]
    command: Annotated[tuple[Argument, ...], filled]
    timeout: Timeout = 10.0
    user: Name | None = None
    group: Name | None = None

    @field_validator("command", mode="after")
    @classmethod
    def _absolute_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value[0].startswith("/"):
            raise ValueError("the program is no absolute path: begin it with /, no search path and no shell is used")
        return value


class Http(Sink):
    """What webhooks and Alertmanagers have in common; one of ``url`` and ``url_file`` says where."""

    url: Url | None = None
    url_file: Annotated[SecretFile | None, Field(validate_default=True, repr=False)] = None
    token_file: Annotated[SecretFile | None, Field(repr=False)] = None
    ca_file: AbsolutePath | None = None
    proxy: Url | None = None
    timeout: Timeout = 5.0

    @field_validator("url_file", mode="before")
    @classmethod
    def _one_url(cls, value: object, info: ValidationInfo) -> object:
        if "url" in info.data and (value is None) == (info.data["url"] is None):
            raise ValueError("give exactly one of url and url_file")
        return value

    @field_validator("url_file", mode="after")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        return None if value is None else _url(value)

    @property
    def address(self) -> str:
        """Where to, whichever setting says it."""
        return self.url or self.url_file or ""


class Webhook(Http):
    """A web service that gets each alert as a JSON body."""

    type: Literal["webhook"]


class Alertmanager(Http):
    """Prometheus' Alertmanager, API v2; ``resend`` is how often it is reminded of what still fires, in seconds."""

    type: Literal["alertmanager"]
    resend: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = 60.0


class Syslog(Sink):
    """Syslog: a local socket, as syslog(3) has it, or a host by UDP or TCP (RFC 5424)."""

    type: Literal["syslog"]
    path: AbsolutePath | None = None
    host: Name | None = None
    port: Port = 514
    transport: Literal["udp", "tcp"] = "udp"
    facility: Annotated[int, Field(strict=True, ge=0, le=23)] = 3
    timeout: Timeout = 5.0

    @field_validator("host", mode="after")
    @classmethod
    def _one_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("path") is not None:
            raise ValueError("path and host both say where to: keep one of them")
        return value


class Journald(Sink):
    """systemd's journal, by its native protocol."""

    type: Literal["journald"]
    path: AbsolutePath = Path("/run/systemd/journal/socket")


class AppriseSink(Sink):
    """Whatever the apprise library reaches; the file holds one of its URLs."""

    type: Literal["apprise"]
    url_file: Annotated[SecretFile, Field(repr=False)]


class Fifo(Sink):
    """A named pipe that gets keepalived-style lines, from ``speaker``'s point of view; ``names`` are by group key."""

    type: Literal["fifo"]
    path: AbsolutePath
    speaker: Annotated[str | None, Field(max_length=64)] = None
    names: dict[Name, Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@/-]{1,64}$")]] = Field(default_factory=dict)
    events: Events = ("master-appeared", "master-changed", "master-lost")
    # A script that follows states needs every line, and no digest.
    rate: Rate = Rate(messages=0)


AnySink = Annotated[Hook | Webhook | Alertmanager | Syslog | Journald | AppriseSink | Fifo, Field(discriminator="type")]


def _no_two_of_a_name(value: object, parse: ModelWrapValidatorHandler[Any]) -> Any:
    return with_repeats(value, parse, "name")


class AlertSettings(Table):
    """An alert settings file."""

    version: Literal[1]
    quiet: QuietTimes = Field(default_factory=dict)
    sink: Annotated[tuple[AnySink, ...], Field(max_length=MAX_SINKS), WrapValidator(_no_two_of_a_name)] = ()


def load(path: str | Path) -> AlertSettings:
    """Reads a settings file; raises :class:`vrrpwatch.settings.SettingsError` with everything that is wrong with it."""
    return settings.load(path, AlertSettings)
