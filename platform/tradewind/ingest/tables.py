"""Tables as vendors and users have them, turned into a batch: long or wide, from any frame or file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tradewind.errors import DataQualityError, InvalidInputError, did_you_mean
from tradewind.store.batch import Action, Batch
from tradewind.vocabulary import FIELDS, Frequency

_TIME_NAMES = ("time", "date", "datetime", "timestamp", "day")
_SYMBOL_NAMES = ("symbol", "ticker", "tic", "instrument", "name")
_BAR = {Frequency.MINUTE: np.timedelta64(60, "s"), Frequency.HOUR: np.timedelta64(3600, "s")}


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """How a table is to be read.

    Parameters
    ----------
    symbol
        The symbol of a table that has no column for it.
    columns
        Their column names to ours (``time``, ``symbol``, a field), where guessing by name is not enough.
    wide
        The field of a table with one column a symbol.
    time_zone
        Of times without a zone, intraday only; UTC by default.
    bar_start
        Whether intraday bars are stamped at their start; they are moved to their end.
    """

    symbol: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    wide: str | None = None
    time_zone: str = "UTC"
    bar_start: bool = False


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A table as a batch, its bar length, and how many rows said the same bar again."""

    batch: Batch
    frequency: Frequency
    duplicates: int


def read_table(source: Any) -> pl.DataFrame:
    """Return any table as a polars frame.

    Parameters
    ----------
    source
        A path to CSV (also gzipped), Parquet or Arrow IPC; a pandas or polars frame, an Arrow table, or an
        xarray Dataset with dims ``(symbol, time)``.

    Raises
    ------
    InvalidInputError
        It is none of these.
    """
    if isinstance(source, str | Path):
        return _read_file(Path(source))
    if isinstance(source, pl.DataFrame):
        return source
    kind = type(source).__module__.split(".")[0]
    if kind == "pandas":
        named = any(n is not None for n in source.index.names)
        keep = named or source.index.dtype.kind == "M"
        frame: pl.DataFrame = pl.from_pandas(source.reset_index() if keep else source)
        return frame
    if kind == "pyarrow":
        converted = pl.from_arrow(source)
        if isinstance(converted, pl.DataFrame):
            return converted
    if kind == "xarray":
        rows: pl.DataFrame = pl.from_pandas(source.to_dataframe().dropna(how="all").reset_index())
        return rows
    raise InvalidInputError(
        f"A {type(source).__name__} is no table that can be read.",
        "Give a path, a pandas or polars frame, an Arrow table or an xarray Dataset.",
    )


def _read_file(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise InvalidInputError(f"There is no file {path}.")
    kind = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    try:
        if kind in (".csv", ".csv.gz", ".txt", ".tsv"):
            separator = "\t" if kind == ".tsv" else ","
            return pl.read_csv(path, infer_schema_length=None, null_values=["", ".", "NA", "null", "nan"],
                               separator=separator)  # fmt: skip
        if kind in (".parquet", ".pq"):
            return pl.read_parquet(path)
        if kind in (".arrow", ".feather", ".ipc"):
            return pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise InvalidInputError(f"{path} cannot be read: {problem}") from problem
    raise InvalidInputError(f"{path} is of no known kind.", "Known are .csv, .csv.gz, .parquet and .arrow.")


def to_batch(
    table: pl.DataFrame,
    shape: TableShape,
    *,
    frequency: Frequency | None = None,
    actions: tuple[Action, ...] = (),
) -> Reading:
    """Turn a table into a batch.

    Parameters
    ----------
    table
        Long (a row a bar) or wide (a column a symbol).
    shape
        How to read it.
    frequency
        The bar length; found from the times where it is not given.
    actions
        Corporate actions that belong to it.

    Returns
    -------
    Reading
        Rows of all symbols on one time axis; unknown columns are left out.

    Raises
    ------
    InvalidInputError
        A needed column is missing or of the wrong type.
    DataQualityError
        Two rows contradict each other about one bar. Equal duplicates are merged.
    """
    long = _renamed(table, shape)
    if shape.wide:
        long = _melted(long, shape.wide)
    times, daily = time_column(long["time"], shape)
    frequency = frequency or _frequency(times, daily)
    if shape.bar_start and frequency in _BAR:
        times = times + _BAR[frequency]
    if not frequency.intraday:
        times = times.astype("M8[D]").astype("M8[ns]")
    names = long["symbol"].cast(pl.String)
    if names.null_count() or long["time"].null_count():
        raise InvalidInputError("A row has no time or no symbol.", "Fill or drop it first.")
    symbols, rows = np.unique(names.to_numpy().astype(object).astype(str), return_inverse=True)
    axis, cols = np.unique(times, return_inverse=True)
    fields = [f for f in FIELDS if f in long.columns]
    if not fields:
        raise InvalidInputError(
            f"None of the columns {', '.join(map(repr, table.columns[:12]))} is a field.",
            f"Fields are {', '.join(FIELDS)}; name yours with columns={{'theirs': 'ours'}}, "
            "or store figures of your own with tw.ingest.derived.",
        )
    cells = rows * len(axis) + cols
    values = {f: _scatter(f, long[f], cells=cells, symbols=symbols, axis=axis) for f in fields}
    batch = Batch(symbols=tuple(symbols.tolist()), times=axis, values=values, actions=actions)
    return Reading(batch=batch, frequency=frequency, duplicates=len(cells) - len(np.unique(cells)))


def _renamed(table: pl.DataFrame, shape: TableShape) -> pl.DataFrame:
    for theirs in shape.columns:
        if theirs not in table.columns:
            raise InvalidInputError(f"There is no column {theirs!r}.", did_you_mean(theirs, table.columns))
    renames = dict(shape.columns)
    taken = set(renames.values())
    lower = {c.lower().strip().replace(" ", "_"): c for c in reversed(table.columns) if c not in renames}
    for ours, names in (("time", _TIME_NAMES), ("symbol", _SYMBOL_NAMES), *((f, (f,)) for f in FIELDS)):
        if ours in taken or (ours == "symbol" and (shape.symbol is not None or shape.wide)):
            continue
        found = next((lower[n] for n in names if n in lower), None)
        if found is not None:
            renames[found] = ours
    if "time" not in renames.values():
        raise InvalidInputError(
            f"No column of {', '.join(map(repr, table.columns[:12]))} is the time.",
            "Call it 'time' or 'date', or say columns={'theirs': 'time'}.",
        )
    clash = [c for c in table.columns if c in renames.values() and renames.get(c) != c]
    result = table.drop(clash).rename(renames)
    if shape.symbol is not None:
        result = result.with_columns(pl.lit(shape.symbol).alias("symbol"))
    if "symbol" not in result.columns and not shape.wide:
        raise InvalidInputError(
            "No column is the symbol.", "Say symbol= for a table of one, or wide= for a wide one."
        )
    return result


def _melted(table: pl.DataFrame, name: str) -> pl.DataFrame:
    if name not in FIELDS:
        raise InvalidInputError(f"{name!r} is not a field.", did_you_mean(name, FIELDS))
    others = [c for c in table.columns if c not in ("time", "") and not c.startswith("_duplicated")]
    return (
        table.select("time", *[pl.col(c).cast(pl.Float64, strict=False) for c in others])
        .unpivot(index="time", variable_name="symbol", value_name=name)
        .drop_nulls(name)
    )


def time_column(column: pl.Series, shape: TableShape) -> tuple[np.ndarray, bool]:
    """Return times as ``datetime64[ns]`` in UTC, and whether the column held dates only."""
    if column.dtype == pl.String:
        column = _parsed(column)
    if column.dtype == pl.Date:
        return column.to_numpy().astype("M8[D]").astype("M8[ns]"), True
    if column.dtype.base_type() is not pl.Datetime:
        raise InvalidInputError(
            f"The time column is {column.dtype}.", "Give dates, datetimes or ISO 8601 text."
        )
    zone = column.dtype.time_zone  # type: ignore[attr-defined]
    if zone is None and shape.time_zone != "UTC":
        column = column.dt.replace_time_zone(shape.time_zone, ambiguous="earliest", non_existent="null")
        zone = shape.time_zone
    if zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.dt.cast_time_unit("ns").to_numpy().astype("M8[ns]"), False


def _parsed(column: pl.Series) -> pl.Series:
    attempts: tuple[Any, ...] = (
        lambda: column.str.to_date("%Y-%m-%d"),
        lambda: column.str.to_date("%m/%d/%Y"),
        lambda: column.str.to_date("%Y%m%d"),
        lambda: column.str.to_datetime(time_unit="ns"),
        lambda: column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="ns", time_zone="UTC"),
        lambda: column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="ns", time_zone="UTC"),
    )
    for attempt in attempts:
        try:
            parsed: pl.Series = attempt()
        except pl.exceptions.PolarsError:
            continue
        return parsed
    raise InvalidInputError(
        f"The times are not readable: {column[0]!r}.", "Write them as 2024-05-31 or ISO 8601."
    )


def _frequency(times: np.ndarray, daily: bool) -> Frequency:
    """Find the bar length from the usual distance of neighbouring times."""
    steps = np.diff(np.unique(times)).astype("m8[s]").astype(np.int64)
    if daily or not steps.size or steps.min() % 86_400 == 0:
        usual = int(np.median(steps)) // 86_400 if steps.size else 1
        return Frequency.DAY if usual < 5 else Frequency.WEEK if usual < 20 else Frequency.MONTH
    usual = int(np.median(steps))
    if usual == 60:
        return Frequency.MINUTE
    if usual == 3600:
        return Frequency.HOUR
    raise InvalidInputError(
        f"Bars of {usual} s have no name here.", "Say frequency=: 1min, 1h, 1d, 1w, 1mo or tick."
    )


def _scatter(
    name: str, column: pl.Series, *, cells: np.ndarray, symbols: np.ndarray, axis: np.ndarray
) -> np.ndarray:
    try:
        values = column.cast(pl.Float64).to_numpy()
    except pl.exceptions.PolarsError as problem:
        raise InvalidInputError(f"Column {name!r} holds something that is no number.", str(problem)) from None
    values = np.array(values, dtype=np.float64)
    flat = np.full(len(symbols) * len(axis), np.nan)
    given = np.isfinite(values) | np.isinf(values)
    flat[cells[given]] = values[given]
    other = given & (flat[cells] != values)
    if other.any():
        at = int(cells[np.flatnonzero(other)[0]])
        where = f"{symbols[at // len(axis)]} at {axis[at % len(axis)].astype('M8[s]')}"
        raise DataQualityError(
            f"{int(other.sum())} rows contradict another row about {name!r}, first {where}.",
            "Keep one of them.",
        )
    return flat.reshape(len(symbols), len(axis))
