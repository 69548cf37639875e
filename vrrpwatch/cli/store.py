"""``vrrpwatch store``: looks after the recorded history."""

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import click

from vrrpwatch.cli.exits import Exit, Failure
from vrrpwatch.cli.options import Duration, default_state, setting
from vrrpwatch.cli.streams import Output, give_up_standard_output

if TYPE_CHECKING:
    from vrrpwatch.core.model import Instant
    from vrrpwatch.store.exporting import Table, Width
    from vrrpwatch.store.places import Place
    from vrrpwatch.store.status import Status


class Moment(click.ParamType[int]):
    """A date or time in RFC 3339 form, UTC where it names no zone; nanoseconds since the Unix epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value).strip())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail("write a time as in 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


_store = setting(
    "--store", metavar="URL", help="The store: a path, sqlite:////path or postgresql://USER@HOST/DATABASE."
)


@click.group(short_help="Look after the recorded history.")
@_store
@click.pass_context
def store(ctx: click.Context, store: str | None) -> None:
    """Look after the recorded history: events, findings, what speakers said, and the multicast volume.

    Without --store it is /var/lib/vrrpwatch/journal.db for root, else $XDG_STATE_HOME/vrrpwatch/journal.db.

    \b
    Examples:
      vrrpwatch store status
      vrrpwatch store prune --keep 90d
      vrrpwatch store export --table events --output csv
      vrrpwatch store upgrade --store 'postgresql://watch@db/vrrp?passfile=/etc/vrrpwatch/pgpass'

    \b
    Exit codes: 0 done, 2 usage, 6 the store failed or the output cannot be written, 130 interrupted.
    """
    ctx.obj = store


@store.command(short_help="Bring the tables up to date.")
@_store
@click.pass_context
def upgrade(ctx: click.Context, store: str | None) -> None:
    """Make the store, or bring its tables up to date; sensors do so themselves when they start."""
    from sqlalchemy.exc import SQLAlchemyError

    from vrrpwatch.store.connecting import connect
    from vrrpwatch.store.migrating import upgrade as apply
    from vrrpwatch.store.places import StoreError, trouble

    place = _place(ctx, store)
    engine = connect(place)
    try:
        if place.path is not None:
            place.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        before, now = apply(engine)
    except (SQLAlchemyError, OSError) as error:
        raise Failure(trouble(place, error), Exit.SINK) from None
    except StoreError as error:
        raise Failure(f"{place.name}: {error}", Exit.SINK) from None
    finally:
        engine.dispose()
    with Output() as file:
        done = "is up to date" if before == now else "was made" if before is None else f"was at {before}"
        file.write(f"{place.name}: {done}, now at {now}\n")


@store.command(short_help="Delete what is old.")
@_store
@click.option("--keep", type=Duration(), metavar="AGE", help="Delete events, findings, runs and groups older than AGE.")
@click.option(
    "--keep-seconds",
    type=Duration(),
    default="48h",
    show_default=True,
    metavar="AGE",
    help="Delete volume per second older than AGE.",
)
@click.option(
    "--keep-minutes",
    type=Duration(),
    default="90d",
    show_default=True,
    metavar="AGE",
    help="Delete volume per minute older than AGE.",
)
@click.option("--keep-hours", type=Duration(), metavar="AGE", help="Delete volume per hour older than AGE.")
@click.option("--dry-run", is_flag=True, help="Only say how many rows would be deleted.")
@click.pass_context
def prune(
    ctx: click.Context,
    store: str | None,
    keep: float | None,
    keep_seconds: float,
    keep_minutes: float,
    keep_hours: float | None,
    dry_run: bool,
) -> None:
    """Delete what is older than it need be; sensors may go on writing meanwhile.

    Volume is deleted only where it is rolled up: seconds to minutes, minutes to hours. AGE is a number and a unit, as
    in 90d (s, m, h, d, w or y).
    """
    from vrrpwatch.store.pruning import Keep
    from vrrpwatch.store.pruning import prune as delete
    from vrrpwatch.store.volume import Retention

    volume = Retention(keep_seconds, keep_minutes, keep_hours)
    with _failures():
        gone = delete(_place(ctx, store), Keep(keep, volume), time.time_ns(), dry_run=dry_run)
    with Output() as file:
        for table, count in gone.items():
            file.write(f"{table}: {count} {'would be deleted' if dry_run else 'deleted'}\n")


@store.command(short_help="Write a table for other programs.")
@_store
@click.option(
    "--table", type=click.Choice(["events", "findings", "volume", "runs", "rules"]), required=True, help="What."
)
@click.option(
    "--output",
    type=click.Choice(["ndjson", "csv", "parquet"]),
    default="ndjson",
    show_default=True,
    help="The form; parquet needs the extra of that name.",
)
@click.option("-o", "--write", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@click.option("--sensor", metavar="NAME", help="Only what this sensor told.")
@click.option("--since", type=Moment(), metavar="TIME", help="Only what was still so at TIME or later.")
@click.option("--until", type=Moment(), metavar="TIME", help="Only what began before TIME.")
@click.option(
    "--per",
    type=click.Choice(["second", "minute", "hour"]),
    default="minute",
    show_default=True,
    help="The steps of volume; minutes and hours that are not over are left out.",
)
@click.pass_context
def export(
    ctx: click.Context,
    store: str | None,
    table: "Table",
    output: Literal["ndjson", "csv", "parquet"],
    write: Path | None,
    sensor: str | None,
    since: "Instant | None",
    until: "Instant | None",
    per: "Width",
) -> None:
    """Write events, findings, volume, runs or changes of firewall rules in order of time.

    TIME is as in 2026-01-31 or 2026-01-31T12:00:00Z.
    """
    from vrrpwatch.store.exporting import COLUMNS, TYPES, Wanted, rows
    from vrrpwatch.store.formats import write_csv, write_ndjson, write_parquet

    place = _place(ctx, store)
    if write is not None and place.path is not None and write.exists() and write.samefile(place.path):
        raise Failure(f"{write}: is the store itself; write to another file", Exit.USAGE)
    found = rows(place, Wanted(table, sensor, since, until, per))
    with _failures():
        if output == "parquet":
            with _binary(write) as binary:
                write_parquet(binary, COLUMNS[table], found)
            return
        with Output(write) as file:
            if output == "csv":
                write_csv(file, COLUMNS[table], found)
            else:
                write_ndjson(file, TYPES[table], found)


@store.command(short_help="Say what is in it.")
@_store
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="The form.")
@click.pass_context
def status(ctx: click.Context, store: str | None, output: Literal["table", "json"]) -> None:
    """Say what the store holds, which sensors wrote to it, and whether its tables are up to date."""
    from vrrpwatch.store.status import status as look

    with _failures():
        found = look(_place(ctx, store))
    with Output() as file:
        file.write(_status_json(found) if output == "json" else _status_text(found))


def _status_json(found: "Status") -> str:
    from vrrpwatch.core.instants import rfc3339

    sensors = [{**item._asdict(), "first": rfc3339(item.first), "last": rfc3339(item.last)} for item in found.sensors]
    return json.dumps({**found._asdict(), "sensors": sensors}, indent=2) + "\n"


def _status_text(found: "Status") -> str:
    from vrrpwatch.core.instants import rfc3339
    from vrrpwatch.wire.text import safe_text

    state = "up to date" if found.current else "run vrrpwatch store upgrade"
    lines = [found.store, f"  tables at {found.step or 'no step'} ({state}), {found.bytes:,} bytes"]
    lines += [f"  {count:>13,}  {table}" for table, count in found.rows.items()]
    for sensor in found.sensors:
        # One that heard nothing yet has no time: its clock is that of what it hears.
        span = f"{rfc3339(sensor.first)[:19]}Z to {rfc3339(sensor.last)[:19]}Z" if sensor.last else "heard nothing yet"
        name = safe_text(sensor.name)
        lines.append(f"  sensor {name} (vrrpwatch {safe_text(sensor.version)}): {span}, {sensor.dropped:,} dropped")
    return "\n".join(lines) + "\n"


def _place(ctx: click.Context, store: str | None) -> "Place":
    from vrrpwatch.store.places import StoreError, place

    given = store or ctx.obj
    try:
        return place(given or str(default_state("journal.db")))
    except StoreError as error:
        raise Failure(str(error), Exit.USAGE) from None


@contextmanager
def _failures() -> Generator[None]:
    """Turns a store's trouble into a line and an exit code."""
    from vrrpwatch.store.places import StoreError

    try:
        yield
    except StoreError as error:
        raise Failure(str(error), Exit.SINK) from None


@contextmanager
def _binary(path: Path | None) -> Generator[IO[bytes]]:
    """A file, or standard output, for bytes."""
    if path is None:
        if sys.stdout.isatty():
            raise Failure("parquet is no text for a terminal; give -o FILE", Exit.USAGE)
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except OSError as error:
            raise give_up_standard_output(error) from None
        except ImportError:
            raise _no_parquet() from None
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise Failure(f"{path}: cannot be written: {error.strerror or error}", Exit.SINK) from None
    except ImportError:
        raise _no_parquet() from None


def _no_parquet() -> Failure:
    return Failure("parquet needs pyarrow: pip install 'vrrpwatch[parquet]'", Exit.USAGE)
