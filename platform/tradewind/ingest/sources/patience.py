"""Asking again: waits as long as a source asks, backs off from one that is down, gives up in time."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tradewind.ingest.sources.failures import RateLimitedError, SourceDownError

log = logging.getLogger("tradewind.ingest")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to wait. Call it with one request to a vendor.

    Parameters
    ----------
    tries
        How often one request is made at most.
    first_wait
        Seconds after the first failure; doubled with each, a little by chance.
    longest_wait
        A source that asks for more than this many seconds is given up at once.
    sleep
        Waits; given by tests.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def __call__[T](self, request: Callable[[], T]) -> T:
        """Make a request until it is answered.

        Raises
        ------
        RateLimitedError, SourceDownError
            It was made as often as allowed, or the source wants a longer wait than allowed.
        """
        for attempt in range(1, self.tries + 1):
            try:
                return request()
            except (RateLimitedError, SourceDownError) as problem:
                backoff = self.first_wait * 2 ** (attempt - 1) * random.uniform(1.0, 1.25)  # noqa: S311
                asked = problem.wait if isinstance(problem, RateLimitedError) else 0.0
                wait = max(asked, min(backoff, self.longest_wait))
                if attempt == self.tries or wait > self.longest_wait:
                    raise
                log.warning("%s Asking again in %.1f s.", problem.message, wait)
                self.sleep(wait)
        raise AssertionError("unreachable")
