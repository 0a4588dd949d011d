"""type = "postgresql": samples into a table of PostgreSQL or TimescaleDB.

Table (made when it is missing, as a hypertable where TimescaleDB is installed and `hypertable` is set):
    time timestamptz, tag text, number double precision, text text, quality bigint, source_time, server_time, receive_time timestamptz,
    stream uuid, seq bigint, PRIMARY KEY (stream, seq) - with a hypertable (stream, seq, time)

Rows come through a temporary table and INSERT ... ON CONFLICT DO NOTHING in one transaction: a batch that comes twice is stored once.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import asyncpg
from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.contract import BatchRefusedError, Row, SinkContext, SinkKind, SinkSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("time", "tag", "number", "text", "quality", "source_time", "server_time", "receive_time", "stream", "seq")
DEFINITION = (
    "time timestamptz NOT NULL, tag text NOT NULL, number double precision, text text, quality bigint NOT NULL,"
    " source_time timestamptz, server_time timestamptz, receive_time timestamptz NOT NULL, stream uuid NOT NULL, seq bigint NOT NULL"
)
REFUSED = ("22", "23", "42", "54")
"""Classes of SQLSTATE that stay as they are however often one tries: data, constraint, syntax or rights, limits."""


class PostgresqlSettings(SinkSettings):
    """type = "postgresql"."""

    type: Literal["postgresql"]
    host: str
    """Name or address, or the folder of a local socket."""
    port: int = Field(5432, ge=1, le=65535)
    database: str
    user: str
    password_file: Path | None = None
    """File with the password: passwords do not belong into a configuration."""
    table: str = Field("samples", pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    """Table, with its schema if it is another than public."""
    create: bool = True
    """Make the table when it is missing."""
    hypertable: bool = False
    """Make it a hypertable of TimescaleDB."""
    timeout: Seconds = Field(30.0, gt=0)
    """For one batch."""


class PostgresqlSink:
    """One connection."""

    def __init__(self, settings: PostgresqlSettings, context: SinkContext) -> None:
        self._settings = settings
        self._stream = uuid.UUID(context.stream)
        self._connection: Any = None

    async def deliver(self, rows: Sequence[Row]) -> None:
        where = f"{self._settings.host}:{self._settings.port}/{self._settings.database}"
        try:
            await self._open()
            await self._store(rows)
        except asyncpg.PostgresError as error:
            state = str(error.sqlstate or "")
            if state.startswith(REFUSED) and not state.startswith("42P01"):
                raise BatchRefusedError(f"{state} {error}") from error
            await self.close()
            raise PlantError(706, where=where, found=f"{state} {error}") from error
        except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
            await self.close()
            raise PlantError(706, where=where, found=str(error) or type(error).__name__) from error
        except (ValueError, OverflowError, asyncpg.exceptions.DataError) as error:
            raise BatchRefusedError(str(error)) from error

    async def _open(self) -> None:
        if self._connection is not None and not self._connection.is_closed():
            return
        settings = self._settings
        password = settings.password_file.read_text(encoding="utf-8").strip() if settings.password_file else None
        self._connection = await asyncpg.connect(
            host=settings.host, port=settings.port, database=settings.database, user=settings.user, password=password, timeout=10
        )
        if settings.create:
            await self._create()
        await self._connection.execute(f"CREATE TEMP TABLE incoming ({DEFINITION}) ON COMMIT DELETE ROWS")

    async def _create(self) -> None:
        key = "(stream, seq, time)" if self._settings.hypertable else "(stream, seq)"
        await self._connection.execute(f"CREATE TABLE IF NOT EXISTS {self._settings.table} ({DEFINITION}, PRIMARY KEY {key})")
        name = re.sub(r"\W", "_", self._settings.table)
        await self._connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_tag_time ON {self._settings.table} (tag, time DESC)")
        if self._settings.hypertable:
            await self._connection.execute("SELECT create_hypertable($1, 'time', if_not_exists => true)", self._settings.table)

    async def _store(self, rows: Sequence[Row]) -> None:
        records = [self._record(row) for row in rows]
        async with self._connection.transaction():
            await self._connection.copy_records_to_table("incoming", records=records, columns=COLUMNS, timeout=self._settings.timeout)
            listed = ", ".join(COLUMNS)
            await self._connection.execute(
                f"INSERT INTO {self._settings.table} ({listed}) SELECT {listed} FROM incoming ON CONFLICT DO NOTHING",
                timeout=self._settings.timeout,
            )

    def _record(self, row: Row) -> tuple[Any, ...]:
        sample = row.sample
        value = sample.value
        number = float(value) if isinstance(value, int | float) else None
        text = value if isinstance(value, str) else None
        times = (_moment(sample.source_time), _moment(sample.server_time), _moment(sample.receive_time))
        return (_moment(sample.time), sample.tag, number, text, sample.quality, *times, self._stream, row.seq)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


def _moment(time: int | None) -> datetime | None:
    """To the microsecond, which is what the database keeps."""
    return None if time is None else EPOCH + timedelta(microseconds=time // 1000)


KIND = SinkKind(PostgresqlSettings, PostgresqlSink, Path(__file__).with_name("sample.toml"))
