"""The environment variables of a sandbox: what programs need, and nothing secret of this machine."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tradewind.settings import REPOSITORY

CARRIED = (
    "LANG", "LC_ALL", "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_TRUSTED_HOST", "PIP_FIND_LINKS", "PIP_ONLY_BINARY",
    "PIP_PREFER_BINARY", "PIP_DISABLE_PIP_VERSION_CHECK",
)  # fmt: skip
"""Variables of the platform's own environment that a sandbox gets, by name: an allow-list."""

CARRIED_URLS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX")
"""Carried unless an address in them holds a user name or password."""


def carried(source: Mapping[str, str]) -> dict[str, str]:
    """Return what a sandbox gets of an environment.

    Parameters
    ----------
    source
        The platform's own environment.
    """
    found = {name: source[name] for name in CARRIED if source.get(name)}
    for name in CARRIED_URLS:
        value = source.get(name, "")
        if value and not any("@" in urlsplit(word).netloc for word in value.split()):
            found[name] = value
    return found


def basic(*, home: Path, user: str, layer: Path, layer_site: Path) -> dict[str, str]:
    """Return the variables that every program in a sandbox gets.

    Parameters
    ----------
    home
        The home, as the program sees it.
    user
        The hub's user name.
    layer, layer_site
        The user's own packages: the virtual environment and its site-packages, as the program sees them.
    """
    own = home / ".tradewind"
    paths = [str(layer / "bin"), str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]
    share = f"{REPOSITORY}:{Path(sys.prefix) / 'share' / 'jupyter'}"  # the first for kernels/
    return {
        "LANG": "C.UTF-8",
        **carried(os.environ),
        "HOME": str(home),
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "PATH": ":".join(paths),
        "TRADEWIND_USER": user,
        "TRADEWIND_MINE": str(own / "store"),
        "TRADEWIND_LAYER": str(layer_site),
        "TRADEWIND_KERNEL_PYTHON": str(layer / "bin" / "python"),
        "PIP_CONSTRAINT": str(own / "constraints.txt"),
        "PIP_CACHE_DIR": str(home / ".cache" / "pip"),
        "JUPYTER_PATH": share,
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "HOLOVIEWSRC": str(Path(__file__).parents[1] / "kernel" / "holoviews_rc.py"),
        "PYTHONUNBUFFERED": "1",
    }


def proxied(port: int) -> dict[str, str]:
    """Return the variables that lead web clients to the egress proxy.

    Parameters
    ----------
    port
        Its loopback port inside the sandbox.
    """
    url = f"http://127.0.0.1:{port}"
    names = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": "127.0.0.1,localhost,::1"}
    return names | {name.lower(): value for name, value in names.items()}
