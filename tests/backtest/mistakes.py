"""Shared by the tests of what users get wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr
from tradewind import errors
from tradewind.strategies import Strategy
from tradewind.testing import synthetic

DS = synthetic(2, 120, seed=5)
GRID = {"fast": [3, 5], "slow": [12]}


def own(decision: Callable[[xr.Dataset], Any]) -> Strategy:
    class Own(Strategy):
        name = "own_mistake"

        @property
        def warmup(self) -> int:
            return 0

        def decide(self, ds: xr.Dataset) -> Any:
            return decision(ds)

    return Own()


def refused(
    call: Callable[[], Any], message: str, hint: str = "", kind: type = errors.InvalidInputError
) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert message in caught.value.message, caught.value.message
    assert caught.value.hint, "what to do instead"
    assert hint in caught.value.hint, caught.value.hint
    return caught.value.hint
