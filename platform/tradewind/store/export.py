"""A selection of a dataset written to a file."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import xarray as xr

from tradewind.errors import word_of
from tradewind.vocabulary import Frequency


class ExportFormat(StrEnum):
    """Kinds of file a selection can be exported to."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    ZARR = "zarr"


def export(dataset: xr.Dataset, path: str | Path, kind: ExportFormat | str | None = None) -> Path:
    """Write an opened dataset, or any selection of one, to a file.

    CSV, Parquet and Arrow hold one row a bar (``symbol``, ``time``, then the fields), without rows that hold
    nothing; Zarr keeps the shape and the attributes.

    Parameters
    ----------
    dataset
        What ``tw.open`` returned, selected further if wanted.
    path
        The file, or the folder for Zarr.
    kind
        ``csv``, ``parquet``, ``arrow`` or ``zarr``; by default what the path ends in.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    InvalidInputError
        The kind of file is unknown.
    """
    path = Path(path)
    text = str(kind or path.suffix.lstrip("."))
    wanted = word_of(ExportFormat, text, f"Data cannot be exported as {text!r}.")
    if wanted is ExportFormat.ZARR:
        dataset.to_zarr(path, mode="w", consolidated=False)
        return path
    import polars as pl

    rows = dataset.to_dataframe(dim_order=["symbol", "time"]).dropna(how="all").reset_index()
    frame = pl.from_pandas(rows).with_columns(pl.col("symbol").cast(pl.String))
    if dataset.attrs.get("frequency") and not Frequency(dataset.attrs["frequency"]).intraday:
        frame = frame.with_columns(pl.col("time").cast(pl.Date))
    writers: dict[ExportFormat, Callable[[Path], object]] = {
        ExportFormat.CSV: frame.write_csv,
        ExportFormat.PARQUET: frame.write_parquet,
        ExportFormat.ARROW: frame.write_ipc,
    }
    part = path.with_name(path.name + ".part")
    writers[wanted](part)
    part.replace(path)
    return path
