"""Libraries that only some installations have."""

from importlib import import_module
from typing import Any

from tradewind.errors import SetupError


def need(module: str, extra: str) -> Any:
    """Import an optional library, or say how to get it.

    Parameters
    ----------
    module
        What to import.
    extra
        The extra of Tradewind that brings it.
    """
    try:
        return import_module(module)
    except ImportError as problem:
        raise SetupError(
            f"{module} is not installed.",
            f"Install it: %pip install {extra} in a notebook, or pip install 'tradewind[{extra}]'.",
        ) from problem
