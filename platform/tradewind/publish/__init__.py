"""Publishing: immutable dashboard bundles, who may see them, and the processes that serve them.

``tw.publish(path, title=..., share_with=[...])`` is this package itself: calling it publishes over the
platform's API (:func:`tradewind.publish.sdk.publish`). ``tradewind.publish.api`` is the same in the
platform's own processes, and ``python -m tradewind.publish.host`` is the server that shows dashboards to
those they are shared with.
"""

import sys
from typing import Any

from tradewind.lazy import NamedModule


class _CallablePackage(NamedModule):
    """Lets ``tw.publish(...)`` work although ``tradewind.publish`` is also the package that holds the
    code."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from tradewind.publish.sdk import publish  # the client is needed only when something is published

        return publish(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
