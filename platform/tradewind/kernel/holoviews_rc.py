"""HoloViews runs this file when it is imported (``HOLOVIEWSRC``): figures carry what they need in themselves.

HoloViews hands its figures to Panel without Panel's own step that puts styles inside the page, so each figure
would ask a content network for four style sheets. The step is added here, when HoloViews' renderer is
imported, and not before: importing it takes most of a second. For the same reason WebGL is switched off then.
"""


def _install() -> None:
    # Names stay in here: HoloViews runs this file inside a function of its own.
    import importlib.util
    import sys
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    def inside(render: Callable[..., Any]) -> Callable[..., Any]:
        def rendered(model: Any, *arguments: Any, **options: Any) -> Any:
            from bokeh.models.ui import UIElement
            from panel.io.notebook import patch_inline_stylesheets

            for part in model.select({"type": UIElement}):
                patch_inline_stylesheets(part, model.document)
            return render(model, *arguments, **options)

        return rendered

    def styles_inside(names: dict[str, Any]) -> None:
        names["render_model"] = inside(names["render_model"])
        names["render_mimebundle"] = inside(names["render_mimebundle"])

    def plain_canvas(names: dict[str, Any]) -> None:
        # A page has a handful of WebGL contexts only, and without a graphics card figures stay empty in it.
        names["BokehRenderer"].webgl = False

    patches = {
        "holoviews.plotting.renderer": styles_inside,
        "holoviews.plotting.bokeh.renderer": plain_canvas,
    }

    class Finder:
        """Lets the import system find a module as usual, and patches it once it is loaded."""

        @staticmethod
        def find_spec(wanted: str, path: object = None, target: object = None) -> ModuleSpec | None:
            patch = patches.pop(wanted, None)
            if patch is None:
                return None
            spec = importlib.util.find_spec(wanted)
            if spec is None or spec.loader is None:
                return spec
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                patch(vars(module))

            vars(spec.loader)["exec_module"] = exec_module
            return spec

    for name in [name for name in patches if name in sys.modules]:
        patches.pop(name)(vars(sys.modules[name]))
    if patches:
        sys.meta_path.insert(0, Finder)


_install()
