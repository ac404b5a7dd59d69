"""Every notebook that ships runs from top to bottom on the sample data, and the tour shows something."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tradewind.ingest import samples
from tradewind.publish.bundle import SHIPPED
from tradewind.settings import REPOSITORY, Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

TEMPLATES = REPOSITORY / "notebooks" / "templates"


def _run(path: Path, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Execute a notebook in a research kernel, without the cells that need a running platform."""
    samples.seed(settings)
    monkeypatch.setenv("JUPYTER_PATH", f"{REPOSITORY}{os.pathsep}{os.environ.get('JUPYTER_PATH', '')}")
    monkeypatch.setenv("HOLOVIEWSRC", str(REPOSITORY / "platform/tradewind/kernel/holoviews_rc.py"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [c for c in notebook.cells if "platform" not in c.metadata.get("tags", [])]
    client = NotebookClient(
        notebook, timeout=240, kernel_name="tradewind", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _complaints(cells: list[Any]) -> list[str]:
    return [
        o.text for cell in cells for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"
    ]


def test_the_tour_runs_and_every_cell_shows_something(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = _run(TEMPLATES / "quickstart.ipynb", settings, tmp_path, monkeypatch)
    assert _complaints(cells) == []
    for cell in cells:
        assert cell.outputs, cell.source
    shown = json.dumps([cell.outputs for cell in cells])
    assert "cdn.holoviz.org" not in json.dumps(
        [
            o.data
            for c in cells
            for o in c.outputs
            if "application/vnd.holoviews_exec.v0+json" in o.get("data", {})
        ]
    )
    assert shown.count("application/vnd.holoviews_exec.v0+json") >= 3, "candles, figures, heat map"
    assert (tmp_path / "sma.html").stat().st_size > 100_000 and (tmp_path / "my_idea.py").exists()


@pytest.mark.parametrize("name", ["market_overview", "backtest_report"])
def test_a_shipped_notebook_runs_without_a_complaint(
    name: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = _run(SHIPPED / f"{name}.ipynb", settings, tmp_path, monkeypatch)
    assert _complaints(cells) == []
    assert "application/vnd.jupyter.widget-view+json" in cells[-1].outputs[-1].data


@pytest.mark.parametrize("path", [*SHIPPED.glob("*.ipynb"), *TEMPLATES.glob("*.ipynb")], ids=lambda p: p.stem)
def test_shipped_notebooks_are_kept_without_outputs_and_name_their_kernel(path: Path) -> None:
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    assert notebook["metadata"]["kernelspec"]["name"] == "tradewind"
    assert all(not c.get("outputs") and not c.get("execution_count") for c in notebook["cells"])
