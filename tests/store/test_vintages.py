"""Revised series: what was said when, under a guard, beside prices, and as of an old snapshot."""

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind.errors import DataQualityError, InvalidInputError, LookaheadError

pytestmark = pytest.mark.usefixtures("empty")

PUBLISHED = pd.DataFrame(
    [
        ("GDP", "2024-01-01", "2024-02-10T13:30:00Z", 100.0),
        ("GDP", "2024-01-01", "2024-03-10T13:30:00Z", 101.0),
        ("GDP", "2024-02-01", "2024-03-10T13:30:00Z", 110.0),
        ("GDP", "2024-01-01", "2025-01-10T13:30:00Z", 90.0),  # a benchmark revision of an old period
        ("CPI", "2024-01-01", "2024-02-05T13:30:00Z", 3.0),
    ],
    columns=["symbol", "time", "known", "value"],
)


@pytest.fixture
def macro(empty: object) -> str:
    tw.ingest.vintages(PUBLISHED, "mine/macro")
    return "mine/macro"


def gdp(name: str) -> list[float]:
    return tw.open(name, "GDP")["close"].values[0].tolist()


def test_without_a_guard_the_newest_under_one_what_was_said_then(macro: str):
    assert gdp(macro) == [90.0, 110.0]
    january = tw.open(macro, "GDP", end="2024-01-31")["close"]
    for until, expected in [("2024-02-10T13:30:00", 100.0), ("2024-03-10T13:29:59", 100.0),
                            ("2024-03-10T13:30:00", 101.0), ("2025-06-01", 90.0)]:  # fmt: skip
        with tw.guard(until=until):
            assert january.copy().values.tolist() == [[expected]]
    with tw.guard(until="2024-02-10T13:29:59"), pytest.raises(LookaheadError, match="2024-02-10T13:30:00"):
        january.copy().values  # noqa: B018
    with tw.guard(until="2024-03-01"), pytest.raises(LookaheadError):
        gdp(macro)  # February was not published yet


def test_one_cell_and_fancy_selections_under_a_guard(macro: str):
    opened = tw.open(macro)
    with tw.guard(until="2024-04-01"):
        assert opened["close"].sel(symbol="GDP", time="2024-01-01").item() == 101.0
        assert opened["close"].sel(symbol="GDP").isel(time=[1, 0]).values.tolist() == [110.0, 101.0]
        got = opened["close"].sel(symbol=["GDP", "CPI"]).values
        np.testing.assert_array_equal(got, [[101.0, 110.0], [3.0, np.nan]])


def test_the_order_of_ingestion_does_not_matter(macro: str):
    for order in ([4, 3, 2, 1, 0], [1, 4, 0, 3, 2]):
        for at in order:
            tw.ingest.vintages(PUBLISHED.iloc[[at]], f"mine/macro-{order[0]}")
        name = f"mine/macro-{order[0]}"
        assert gdp(name) == [90.0, 110.0]
        pd.testing.assert_frame_equal(
            tw.vintages(name).sort_values(["symbol", "time", "known"], ignore_index=True),
            tw.vintages(macro).sort_values(["symbol", "time", "known"], ignore_index=True),
        )
    assert len(tw.history(macro)) == 1
    assert tw.ingest.vintages(PUBLISHED, macro).empty  # the same again adds nothing


def test_beside_prices_stands_what_was_public(macro: str):
    days = pd.bdate_range("2024-02-01", "2024-03-29")
    tw.ingest.frame(pd.DataFrame({"date": days, "symbol": "AAA", "close": 10.0}), "mine/prices")
    _, beside = tw.align(tw.open("mine/prices"), tw.open(macro, "GDP"))
    got = beside["close"].to_pandas().T["GDP"]
    assert got[:"2024-02-09"].isna().all()
    assert (got["2024-02-12":"2024-03-08"] == 100.0).all()
    assert (got["2024-03-11":] == 110.0).all()  # the newest period, not the revision of the one before


def test_as_of_keeps_its_meaning(macro: str):
    first = tw.open(macro).attrs["snapshot"]
    tw.ingest.vintages(
        pd.DataFrame([("GDP", "2024-02-01", "2026-01-10", 115.0)], columns=PUBLISHED.columns), macro
    )
    assert gdp(macro) == [90.0, 115.0]
    assert tw.open(macro, "GDP", as_of=first)["close"].values[0].tolist() == [90.0, 110.0]
    with tw.guard(until="2026-01-10T12:00:00"):  # a bare date is public at its end
        assert gdp(macro) == [90.0, 110.0]
    assert len(tw.vintages(macro, "GDP")) == 5
    assert len(tw.vintages(macro, "GDP", as_of=first)) == 4
    with tw.guard(until="2024-03-01"):
        assert tw.vintages(macro, "GDP")["value"].tolist() == [100.0]


def test_what_is_refused(macro: str):
    twice = pd.concat([PUBLISHED.iloc[[0]], PUBLISHED.iloc[[0]].assign(value=7.0)])
    with pytest.raises(DataQualityError, match="different figures"):
        tw.ingest.vintages(twice, macro)
    with pytest.raises(DataQualityError, match="missing"):
        tw.ingest.vintages(PUBLISHED.assign(value=np.nan), macro)
    with pytest.raises(InvalidInputError, match="known"):
        tw.ingest.vintages(PUBLISHED.drop(columns="known"), macro)
