"""An HTML report as a PDF, printed by a browser that is there already."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tradewind.errors import SetupError, UnavailableError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 120


def write_pdf(html: str, target: Path) -> Path:
    """Print a page with headless Chromium; figures are drawn before it is printed.

    Raises
    ------
    SetupError
        No such browser is installed; the HTML report needs none.
    UnavailableError
        The browser did not print.
    """
    browser = next((found for b in BROWSERS if (found := shutil.which(b))), None)
    if browser is None:
        raise SetupError(
            "A PDF report is printed by Chromium, and it is not installed here.",
            "apt-get install chromium, or write .html and print it in your own browser.",
        )
    with tempfile.TemporaryDirectory() as folder:
        page, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_text(html, encoding="utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", "--virtual-time-budget=15000",
            f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"The browser did not print the report in {SECONDS} s.") from None
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            raise UnavailableError(f"The browser did not print the report: {done.stderr.strip()[-300:]}")
        part = target.with_name(target.name + ".part")
        shutil.move(printed, part)
        part.replace(target)
    return target
