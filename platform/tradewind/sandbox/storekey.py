"""What lets a sandbox read a store on S3: a key that is good at this platform's gateway only.

The platform's own S3 keys never enter a sandbox. It gets a name card instead, signed by the platform, which
says whose sandbox it is; S3 clients send it as their access key. The gateway looks up, request by request,
which datasets that user may read (and which one a run may write), and signs what is permitted with the real
keys. It works with every S3 server, because none of them has to know of it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from tradewind.errors import NotAllowedError
from tradewind.settings import Settings

SECRET = "s3-gateway"  # noqa: S105  the name of a secret
SOCKET = "s3"


@dataclass(frozen=True, kw_only=True)
class StoreKey:
    """Whose sandbox it is.

    Parameters
    ----------
    user, groups, admin
        As the hub said when the sandbox was started.
    writes
        The one shared dataset it may write, or nothing.
    only
        The datasets it may read, where whoever made the key has looked them up and will start the program
        anew when they change; else the gateway looks, request by request.
    """

    user: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    writes: str = ""
    only: tuple[str, ...] | None = None

    def sealed(self, settings: Settings) -> str:
        """Return it as an access key."""
        text = json.dumps(asdict(self), separators=(",", ":")).encode()
        body = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{body}.{_seal(settings, body)}"

    @classmethod
    def opened(cls, settings: Settings, key: str) -> Self:
        """Read an access key back.

        Raises
        ------
        NotAllowedError
            It was not made by this platform.
        """
        body, _, seal = key.partition(".")
        if not hmac.compare_digest(seal.encode(), _seal(settings, body).encode()):
            raise NotAllowedError("That key is none of this platform's.")
        values = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        only = None if values["only"] is None else tuple(values["only"])
        return cls(**{**values, "groups": tuple(values["groups"]), "only": only})


def _seal(settings: Settings, body: str) -> str:
    secret = settings.paths.secret(SECRET).encode()
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()


def variables(settings: Settings, key: StoreKey, *, port: int, isolated: bool) -> Mapping[str, str]:
    """Return the environment that leads a sandbox to a store on S3; nothing for a store in folders.

    Parameters
    ----------
    settings
        The installation's settings.
    key
        Whose sandbox it is.
    port
        The loopback port inside the sandbox that the gateway is reached at.
    isolated
        Whether there is a sandbox; without one there is one user only, who has the state folder anyway.
    """
    if not settings.store.startswith("s3://"):
        return {}
    found = {
        "TRADEWIND_S3_REGION": settings.s3_region,
        "TRADEWIND_S3_PATH_STYLE": "true" if isolated else str(settings.s3_path_style).lower(),
    }
    if isolated:
        return found | {
            "TRADEWIND_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "TRADEWIND_S3_ACCESS_KEY": key.sealed(settings),
            "TRADEWIND_S3_SECRET_KEY": "gateway",
        }
    return found | {
        "TRADEWIND_S3_ENDPOINT": settings.s3_endpoint,
        "TRADEWIND_S3_ACCESS_KEY": settings.s3_access_key,
        "TRADEWIND_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
    }
