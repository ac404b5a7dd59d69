"""Write ``environment.yml`` (for conda and binder) from ``requirements.lock``; ``--check`` only compares.

The lock stays the one place where versions are decided: everything comes through pip at the locked versions,
conda brings Python and Node.js.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TARGET = ROOT / "environment.yml"

_PIN = re.compile(r"^(?P<pin>[A-Za-z0-9._\[\],-]+==[^ ;\\]+)(?: *; *(?P<marker>[^\\]+?))? *\\?$")

_HEAD = """\
# Written by platform/environment_yml.py from requirements.lock: do not edit.
name: tradewind
channels:
  - conda-forge
dependencies:
  - python={python}
  - nodejs>=22
  - pip
  - pip:
"""


def render(lock: str, python: str) -> str:
    """Return the text of ``environment.yml``.

    Parameters
    ----------
    lock
        The text of the lock file.
    python
        The Python version, such as ``3.13``.
    """
    lines = []
    for line in lock.splitlines():
        if found := _PIN.match(line):
            marker = f" ; {found['marker']}" if found["marker"] else ""
            entry = found["pin"] + marker
            lines.append(f"      - {_quoted(entry) if marker else entry}\n")
    return _HEAD.format(python=python) + "".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", '"') + "'"


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit code 1 when out of date")
    options = parser.parse_args()
    wanted = render(LOCK.read_text(), (ROOT / ".python-version").read_text().strip())
    if options.check:
        if TARGET.exists() and TARGET.read_text() == wanted:
            return 0
        print("environment.yml is out of date: run `python platform/environment_yml.py`", file=sys.stderr)  # noqa: T201
        return 1
    TARGET.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
