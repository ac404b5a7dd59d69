"""Notebooks for the tests of publishing."""

import json
from typing import Any

from tradewind.publish.bundle import Source


def notebook(*cells: str, language: str = "python") -> bytes:
    """Return a notebook with these cells."""
    found: list[dict[str, Any]] = []
    for number, text in enumerate(cells):
        markdown = text.startswith("# ") and "\n" not in text
        cell: dict[str, Any] = {"id": f"c{number}", "metadata": {}, "source": text}
        cell["cell_type"] = "markdown" if markdown else "code"
        if not markdown:
            cell |= {"execution_count": None, "outputs": []}
        found.append(cell)
    kernel = {"name": "tradewind", "display_name": "Tradewind", "language": language}
    return json.dumps(
        {"cells": found, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    ).encode()


def source(name: str = "idea.ipynb", *cells: str) -> Source:
    """Return a notebook to publish."""
    return Source(name=name, content=notebook(*(cells or ("# An idea", "print('hello')"))))
