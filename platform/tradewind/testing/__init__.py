"""Help for tests and trials: synthetic markets, and the filling of compiled caches."""

from tradewind.testing.markets import synthetic

__all__ = ["synthetic"]
