"""Names and places: how a user's name becomes a folder, and where things are inside a sandbox."""

import hashlib
import sys
from pathlib import Path

STORE_INSIDE = Path("/tradewind/store")
"""Where the shared datasets a user may read are found inside a sandbox."""
SOCKETS_INSIDE = Path("/run/tradewind")
"""Where a sandbox's own socket folder is found inside it."""
GATEWAY_INSIDE = Path("/run/gateway")
"""Where the gateway's sockets are found inside a sandbox."""
EGRESS_PORTS = (3128, 3129, 3130)
"""Candidates for the loopback port of the web proxy inside a sandbox."""
S3_PORTS = (3133, 3134, 3135)
"""Candidates for the loopback port of the store on S3 inside a sandbox."""
LAYER_SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
"""Where packages lie below a user's layer."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_LONGEST = 80


def home_name(user: str) -> str:
    """Return the folder name of a user: different for different names, safe in a path.

    Lower-case letters, digits and hyphens stay; every other byte becomes ``_`` and two hexadecimal digits.

    Parameters
    ----------
    user
        The hub's user name.

    Examples
    --------
    >>> home_name("ann"), home_name("Ann.Lee")
    ('ann', '_41nn_2e_4cee')
    """
    name = "".join(c if c in _PLAIN else "".join(f"_{b:02x}" for b in c.encode()) for c in user)
    if not name:
        raise ValueError("A user has a name.")
    if len(name) > _LONGEST:
        # An underscore that no hexadecimal digits follow: no short name can look like this one.
        return f"{name[:40]}_-{hashlib.sha256(user.encode()).hexdigest()[:32]}"
    return name


def socket_name(user: str, server: str = "") -> str:
    """Return the name of a server's socket folder: short, because a socket's path has 107 characters at most.

    Parameters
    ----------
    user
        The hub's user name.
    server
        The name of a named server; empty for the default one.
    """
    return hashlib.sha256(f"{user}\0{server}".encode()).hexdigest()[:16]
