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
    [("sweep", {"combinations.csv", "walk-forward.csv", "best.html"}), ("comparison", {"comparison.csv"})],
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
