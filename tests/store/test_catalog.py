"""What is there, what was found, and whose results stand on data that was corrected."""

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from tradewind.provenance.card import RunCard
from tradewind.settings import Settings
from tradewind.store import Store, coverage
from tradewind.store.batch import Action
from tradewind.store.restatements import reads, restated
from tradewind.store.roots import mine_root
from tradewind.store.spec import ActionKind


def table(values: dict[str, list[float]], first: str = "2024-03-04") -> pd.DataFrame:
    days = pd.bdate_range(first, periods=max(map(len, values.values())))
    rows = [(d, s, v) for s, column in values.items() for d, v in zip(days, column, strict=False) if v == v]
    return pd.DataFrame(rows, columns=["date", "symbol", "close"])


def test_coverage_counts_bars(empty: Settings):
    nan = float("nan")
    values = {
        "AAA": [10.0 + i / 10 for i in range(20)],
        "BBB": [nan] * 10 + [20.0 + i / 10 for i in range(10)],
    }
    tw.ingest.frame(table(values, "2024-03-01"), "mine/half")
    found = tw.coverage("mine/half")
    assert found.symbols == ("AAA", "BBB")
    assert found.total.tolist() == [1.0, 0.5]
    assert found.share[1].tolist() == [0.0] * 10 + [1.0] * 10
    assert (found.starts[0], found.end) == ("2024-03-01", "2024-03-28")
    few = coverage.of(Store(mine_root()).snapshot("mine/half"), rows=1, columns=4)
    assert (few.symbols, few.of, few.share.shape) == (("AAA",), 2, (1, 4))
    assert "BBB" in repr(found) and "50.0%" in repr(found)
    html = found._repr_html_()
    assert html.count("<rect") == 2
    assert "BBB: 50.0% of the bars" in html
    assert "style=" not in found.html(inline=False)


@pytest.mark.parametrize("name", ["us-large-caps", "us-20", "us-factors"])
def test_coverage_of_the_samples_is_what_a_read_finds(samples: Settings, name: str):
    found = tw.coverage(name)
    opened = tw.open(name)
    held = np.isfinite(opened[next(f for f in ("close", *opened) if f in opened)].values).mean(axis=1)
    np.testing.assert_allclose(found.total, held)


def test_a_dataset_in_a_notebook(empty: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRADEWIND_USER", "ann")
    values = {"AAA": [10.0, 10.1, 1000.0, 10.2, 10.3, 10.1, 10.2]}
    tw.ingest.frame(table(values), "mine/spiky")
    info = tw.catalog()["mine/spiky"]
    html = info._repr_html_()
    assert info.owner == "ann"
    for word in ("spike 1", "1 bars kept aside", "<svg", "ann", "may read", "you"):
        assert word in html
    assert info.to_dict()["owner"] == "ann"


def test_restatements_name_the_runs_and_nothing_else(empty: Settings):
    def ingest(values: dict[str, list[float]], first: str = "2024-03-04", **more: object) -> str:
        return tw.ingest.frame(table(values, first), "mine/prices", **more).snapshot

    first = ingest({"AAA": [10.0, 10.1, 10.2, 10.3], "BBB": [20.0, 20.1, 20.2, 20.3]})
    appended = ingest({"AAA": [10.4]}, "2024-03-08")
    corrected = ingest({"AAA": [10.0, 10.15]})

    def ran(run_id: str, snapshot: str, user: str = "ann", attempt: int = 1) -> None:
        folder = empty.paths.runs / run_id / "result" / str(attempt)
        folder.mkdir(parents=True)
        RunCard(
            run_id=run_id, template="backtest", notebook_sha256="", parameters={}, status="succeeded",
            sdk_version="", lock_sha256="", python="", user=user, ended_at=f"2024-03-0{attempt}",
            attempt=attempt, datasets=[{"dataset": n, "snapshot": snapshot} for n in ("mine/prices", "x")],
        ).write(folder / "run.json")  # fmt: skip

    ran("early", first)
    ran("later", appended, "bob")
    ran("fresh", corrected)
    ran("retried", first)
    ran("retried", corrected, attempt=2)
    store = Store(mine_root())
    found = {r.run.run_id: r.changed for r in restated(store, "mine/prices", reads(empty.paths.runs))}
    assert set(found) == {"early", "later"}  # the third read what is there now, and so did the fourth at last
    change = found["early"]
    assert (change.restated, change.filled, change.symbols) == (1, 0, ("AAA",))
    assert (change.first, change.last) == ("2024-03-05", "2024-03-05")
    filled = ingest({"CCC": [1.0, 1.1], "BBB": [20.0, 20.1, 20.2, 20.3, 20.4]})
    assert filled
    again = {r.run.run_id: r.changed for r in restated(store, "mine/prices", reads(empty.paths.runs))}
    assert set(again) == {"early", "later", "fresh", "retried"}  # BBB has a bar now where theirs had none
    assert (again["fresh"].restated, again["fresh"].filled) == (0, 1)
    assert again["early"].filled == 0  # the day was after its end
    split = tw.ingest.frame(
        table({"AAA": [10.0]}), "mine/prices",
        actions=(Action(symbol="AAA", kind=ActionKind.SPLIT,
                                       ex_date=np.datetime64("2024-03-06"), value=2.0),),
        accept=["jump"],
    )  # fmt: skip
    assert split.actions_added == 1
    final = {r.run.run_id: r.changed for r in restated(store, "mine/prices", reads(empty.paths.runs))}
    assert final["fresh"].actions == 1
