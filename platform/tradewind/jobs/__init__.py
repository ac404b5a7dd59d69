"""Runs and schedules: notebooks executed on the platform's workers instead of in the user's own server.

``tw.jobs`` is this package. The names below talk to the platform over its REST API and are loaded when first
used;
the queue, the workers and their job engine live in the modules beside them and are never loaded by a kernel.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sdk": ["Run", "Schedule", "get", "list", "list_schedules", "list_templates", "schedule", "submit"],
        "when": ["after_close"],
    },
)
