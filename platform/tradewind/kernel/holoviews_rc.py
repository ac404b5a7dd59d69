"""HoloViews runs this file when it is imported (``HOLOVIEWSRC``): figures carry everything they need in themselves.

HoloViews hands its figures to Panel without Panel's own step that puts styles inside the page, so each figure would ask
a content network for four style sheets. The step is added here, when HoloViews' renderer is imported, and not before:
importing it takes most of a second.
"""


def _install() -> None:
    import importlib.util  # names stay in here: HoloViews runs this file inside a function of its own
    import sys

    name = "holoviews.plotting.renderer"

    def inside(render):
        def rendered(model, *arguments, **options):
            from bokeh.models import UIElement
            from panel.io.notebook import patch_inline_stylesheets

            for part in model.select({"type": UIElement}):
                patch_inline_stylesheets(part, model.document)
            return render(model, *arguments, **options)

        return rendered

    def patch(module) -> None:
        module.render_model = inside(module.render_model)
        module.render_mimebundle = inside(module.render_mimebundle)

    class Finder:
        """Lets the import system find the renderer as usual, and patches it once it is loaded."""

        @staticmethod
        def find_spec(wanted, path=None, target=None):
            if wanted != name:
                return None
            sys.meta_path.remove(Finder)
            spec = importlib.util.find_spec(wanted)
            load = spec.loader.exec_module

            def exec_module(module) -> None:
                load(module)
                patch(module)

            spec.loader.exec_module = exec_module
            return spec

    if name in sys.modules:
        patch(sys.modules[name])
    else:
        sys.meta_path.insert(0, Finder)


_install()
