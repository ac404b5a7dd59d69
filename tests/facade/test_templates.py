"""The engine's notebook templates, run from their first to their last cell on the shipped sample data."""

import json
from pathlib import Path

import pytest
from tradewind.ingest.samples import seed
from tradewind.settings import Settings

TEMPLATES = Path(__file__).resolve().parents[2] / "notebooks" / "templates"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with the sample data in it."""
    settings = Settings(home=tmp_path_factory.mktemp("state"))
    seed(settings)
    return settings.store


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("sweep", {"combinations.csv", "walk-forward.csv", "best.html"}),
        ("comparison", {"comparison.csv"}),
        ("factor_study", {"factor.csv", "factor.html"}),
        ("constituents", {"members.csv", "constituents.html"}),
    ],
)
def test_runs_to_the_end(
    name: str, left: set[str], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_STORE_URL", store)
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEWIND_LEDGER", str(tmp_path / "trials.sqlite"))
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((TEMPLATES / f"{name}.ipynb").read_text())
    assert [c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", [])]
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}:{cell['id']}", "exec"), names)
    assert left <= {p.name for p in tmp_path.iterdir()}
    if name == "sweep":
        assert names["found"].path == "fused"
        assert names["verdict"].trials >= 16
        assert len(names["walk"].choices) > 5
    if name == "factor_study":
        assert names["study"].delay == 1
        assert list(names["study"].summary.index) == [1, 5, 21]
    if name == "constituents":
        inside = names["inside"]
        assert (inside.sum(axis=1).iloc[260:] == 10).all()
        held = names["result"].positions.transpose("time", "symbol").to_pandas()
        # decided at a close, sold at the next bar: whoever was no member two bars running is not held
        out = (inside.loc[held.index] == 0) & (inside.shift(1).loc[held.index] == 0)
        assert not (out & (held.abs() > 1e-9)).any().any()
        cut = names["data"].isel(time=slice(0, 3000))
        moved = abs(cut["close"] / cut["close"].shift(time=1) - 1)
        again = names["tw"].factors.top(moved, 10, 252)
        assert (again.values == names["members"].values[:, :3000]).all()
