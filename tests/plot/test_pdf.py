"""The report as a PDF, printed by a real browser; without one, an error that says what to do."""

import shutil
from pathlib import Path

import pytest
import tradewind as tw
from tradewind import errors
from tradewind.testing import synthetic


@pytest.mark.browser
def test_the_report_is_printed_with_its_figures(tmp_path: Path) -> None:
    result = tw.backtest(tw.strategies.SmaCross(fast=5, slow=20), synthetic(2, 300), remember=False)
    path = result.report(tmp_path / "report.pdf")
    data = path.read_bytes()
    assert data.startswith(b"%PDF")
    assert len(data) > 30_000
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") + data.count(b"/Type /Page/") >= 2
    assert not list(tmp_path.glob("*.part"))


def test_without_a_browser_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    result = tw.backtest(tw.strategies.BuyAndHold(), synthetic(1, 100), remember=False)
    with pytest.raises(errors.SetupError, match="chromium"):
        result.report(tmp_path / "report.pdf")
