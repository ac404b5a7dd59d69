"""What a research kernel is told before its user's first cell: plots carry what they need."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class InlinePlots(MetaPathFinder):
    """Makes HoloViews put its scripts into the notebook instead of asking a server on the internet for them.

    ``hv.extension.inline`` must be set before anything loads the extension, and importing HoloViews costs
    half a second: so it is set in the moment somebody else imports it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find HoloViews as everybody would, and act once it is loaded."""
        if fullname != "holoviews":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_set(module: ModuleType) -> None:
            execute(module)
            module.extension.inline = True

        vars(spec.loader)["exec_module"] = execute_and_set
        return spec


def add_working_folder() -> None:
    """Let a notebook import modules beside it, as IPython does: after the standard library, before packages.

    The kernel itself starts without (``python -P``): a user's ``random.py`` must not keep it from starting.
    """
    if "" not in sys.path:
        places = [i for i, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))]
        sys.path.insert(min(places, default=0), "")


def prepare() -> None:
    """Prepare a process that will be a kernel; safe to call twice."""
    add_working_folder()
    loaded: Any = sys.modules.get("holoviews")
    if loaded is not None:
        loaded.extension.inline = True
    elif not any(isinstance(finder, InlinePlots) for finder in sys.meta_path):
        sys.meta_path.insert(0, InlinePlots())
