"""Save a result to one file and read it back without loss."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.backtest.accounting import Books
from tradewind.backtest.market import Market
from tradewind.backtest.orders import Orders
from tradewind.backtest.result import Result
from tradewind.backtest.rules import Fill, Named
from tradewind.backtest.setting import PARTS, Setting
from tradewind.errors import InvalidInputError, NotFoundError

FORMAT = 3
_MARKET = ("time", "price", "close")
_OPTIONAL = ("high", "low", "volume", "dividend", "roll")
_SEEN = ("unit", "settled", "growth")
_BOOKS = ("cash", "equity", "income")


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """Mark the names that stand for series and functions."""
    return {
        n: Named(v) if isinstance(v, str) and v.startswith(("series ", "function ")) else v
        for n, v in part.items()
    }


def save(result: Result, path: str | Path) -> Path:
    """Write a result: a zip of its setting (JSON) and its arrays (npy, no pickles), whole or not at all."""
    target = Path(path)
    arrays: dict[str, np.ndarray] = {f"market.{n}": getattr(result.market, n) for n in _MARKET}
    arrays["market.symbols"] = result.market.symbols.astype(str)
    arrays |= {f"books.{n}": getattr(result.books, n) for n in _BOOKS}
    fields = {n: result.market.field(n) for n in _OPTIONAL}
    arrays |= {f"market.{n}": values for n, values in fields.items() if values is not None}
    seen = {n: getattr(result.market, n) for n in _SEEN} | {"balances": result.books.balances}
    arrays |= {f"seen.{n}": values for n, values in seen.items() if values is not None}
    arrays |= {f"flows.{n}": values for n, values in result.books.flows.items()}
    arrays["books.quantity"] = result.books.quantity
    arrays |= {f"orders.{n}": values for n, values in result.books.orders.columns().items()}
    if result.reference is not None:
        arrays["reference"] = result.reference
    head = {"format": FORMAT, "setting": result.setting.plain}
    part = target.with_name(target.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        archive.writestr("result.json", json.dumps(head, indent=1))
        for name, values in arrays.items():
            buffer = BytesIO()
            np.save(buffer, values, allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    part.replace(target)
    return target


def load(path: str | Path) -> Result:
    """Read a result that :meth:`Result.save` wrote.

    Raises
    ------
    NotFoundError
        There is no such file.
    InvalidInputError
        The file is not a saved result, or one of a newer version.
    """
    source = Path(path)
    if not source.is_file():
        raise NotFoundError(f"There is no file {source}.")
    try:
        with zipfile.ZipFile(source) as archive:
            head = json.loads(archive.read("result.json"))
            arrays = {
                name.removesuffix(".npy"): np.load(BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (zipfile.BadZipFile, KeyError, ValueError) as problem:
        raise InvalidInputError(f"{source} is not a saved result.") from problem
    if head["format"] > FORMAT:
        raise InvalidInputError(f"{source} was written by a newer Tradewind.", "Update Tradewind to read it.")
    raw = head["setting"]
    parts = {n: kind(**_named(raw[n])) for n, kind in PARTS.items() if raw.get(n)}
    names = {"currencies": tuple(raw.get("currencies", ()))}
    setting = Setting(**(raw | parts | names | {"fill": Fill(raw["fill"])}))
    return Result(
        setting=setting,
        market=Market(
            names=arrays["market.symbols"],
            time=arrays["market.time"],
            price=arrays["market.price"],
            close=arrays["market.close" if head["format"] > 1 else "market.mark"],
            fields={n: arrays[f"market.{n}"] for n in _OPTIONAL if f"market.{n}" in arrays},
            **{n: arrays.get(f"seen.{n}") for n in _SEEN},
            fill=setting.fill,
            periods=setting.periods,
        ),
        books=Books(
            **{n: arrays[f"books.{n}"] for n in _BOOKS},
            flows={n.removeprefix("flows."): a for n, a in arrays.items() if n.startswith("flows.")},
            balances=arrays.get("seen.balances"),
            written=(
                arrays["books.quantity"],
                Orders(
                    **{n.removeprefix("orders."): a for n, a in arrays.items() if n.startswith("orders.")}
                ),
            ),
        ),
        reference=arrays.get("reference"),
    )
