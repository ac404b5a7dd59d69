"""Serve one notebook with Voila on a Unix socket: ``python -m tradewind.publish.runtime.voila``.

Runs inside the dashboard's sandbox. Signing in and shares are the host's business: whoever reaches the
socket has been let through. What the page needs besides its own content (front-end code, fonts) comes from
the host's static files.
"""

import argparse
import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_unix_socket
from traitlets.config import Config
from voila.app import Voila

from tradewind.kernel.warm import warm

VIEWER_HEADER = "X-Tradewind-User"
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
"""The only JupyterLab extensions a page loads: Voila's front end is older than Lab's, and others break it."""
KERNEL = "tradewind"
"""Every notebook runs in it, whatever kernel it was saved with."""
IDLE_KERNEL_SECONDS = 180
"""A kernel whose viewer has gone without saying so ends after this."""


class SocketVoila(Voila):  # type: ignore[misc]
    """Voila on a Unix socket instead of a port."""

    socket_path: str = ""

    def listen(self) -> None:
        """Bind the socket and serve until told to stop."""
        self.ioloop = IOLoop.current()
        self.ioloop.add_callback(self._open)
        try:
            self.ioloop.start()
        finally:
            self.stop()

    async def _open(self) -> None:
        """Let viewers in once the first kernel is on its way, or the first one would start a second."""
        while self.voila_configuration.preheat_kernel and not self.kernel_manager.notebook_data:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        self._server = HTTPServer(self.app)
        self._server.add_socket(bind_unix_socket(self.socket_path, mode=0o600))


def page_config_hook(page_config: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Let the page load Voila's code from the host, where every dashboard shares it."""
    static = os.environ["TRADEWIND_STATIC_URL"]
    page_config.update(fullStaticUrl=f"{static}voila", fullLabextensionsUrl=f"{static}labextensions")
    # Its MathJax would come from a content network; the template sets formulas with KaTeX instead.
    page_config["disabledExtensions"] = [
        *page_config.get("disabledExtensions", []),
        "@jupyterlab/mathjax2-extension:plugin",
    ]
    return page_config


def configuration(arguments: argparse.Namespace) -> Config:
    """Return Voila's configuration for one dashboard."""
    config = Config()
    config.Voila.base_url = config.Voila.server_url = arguments.base_url
    config.Voila.open_browser = False
    config.Voila.config_file_paths = []
    config.Voila.tornado_settings = {"disable_check_xsrf": True, "headers": {}, "ws_ping_interval": 30000}
    page = config.VoilaConfiguration
    page.template = "tradewind"
    page.theme = "light"
    page.allow_template_override = page.allow_theme_override = "NO"
    page.extension_allowlist = EXTENSIONS
    page.extension_denylist = []
    page.file_allowlist = []
    page.strip_sources = True
    page.resources = {
        "tradewind": {"static": arguments.static_url, "title": arguments.title, "panel": version("panel")}
    }
    page.page_config_hook = page_config_hook
    page.http_keep_alive_timeout = 5
    if arguments.viewer_header:
        page.http_header_envs = [
            VIEWER_HEADER
        ]  # known only when somebody comes: nothing can be heated before
    else:
        page.preheat_kernel = arguments.pool > 0
        page.default_pool_size = arguments.pool
    config.VoilaKernelManager.fill_delay = 0.3
    config.VoilaExecutor.cell_error_instruction = "The owner finds the reason in the dashboard's log."
    config.VoilaExecutor.timeout = 120
    config.KernelSpecManager.allowed_kernelspecs = {KERNEL}
    config.KernelSpecManager.ensure_native_kernel = False
    config.AsyncKernelManager.client_factory = "tradewind.kernel.client.KernelClient"
    config.KernelManager.transport = "ipc"  # nobody but this sandbox reaches a kernel
    config.MappingKernelManager.cull_idle_timeout = IDLE_KERNEL_SECONDS
    config.MappingKernelManager.cull_interval = 30
    config.MappingKernelManager.buffer_offline_messages = False
    return config


def parsed(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.publish.runtime.voila")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--static-url", required=True)
    parser.add_argument("--title", default="")
    parser.add_argument("--pool", type=int, default=1)
    parser.add_argument("--viewer-header", action="store_true")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    """Serve as the command line says."""
    arguments = parsed(argv)
    os.environ["TRADEWIND_STATIC_URL"] = arguments.static_url
    app = SocketVoila(config=configuration(arguments))
    app.socket_path = arguments.socket
    app.initialize([str(arguments.notebook)])
    # The process that kernels are forked from must be asked for before the pool asks for its first kernel.
    IOLoop.current().run_sync(warm.start)
    app.start()


if __name__ == "__main__":
    main(sys.argv[1:])
