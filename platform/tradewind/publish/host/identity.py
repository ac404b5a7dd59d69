"""Who is looking: sign-in through the hub (OAuth code flow with PKCE) and sessions kept on this side only."""

import hmac
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web
from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from tradewind.errors import NotSignedInError, UnavailableError
from tradewind.publish.model import prefix
from tradewind.settings import Settings

SESSION_COOKIE = "tradewind-dashboards"
STATE_COOKIE = "tradewind-dashboards-state"
HUB_SESSION_COOKIE = "jupyterhub-session-id"
ACCESS_SCOPE = "access:services!service=dashboards"

FRESH_SECONDS = 10.0
"""How long an answer of the hub is taken for granted: a removed user is out after this."""
GRACE_SECONDS = 300.0
"""How long the last answer counts while the hub does not answer (it is restarting)."""
SESSION_SECONDS = 14 * 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """A user as the hub describes him."""

    name: str
    groups: tuple[str, ...] = ()
    admin: bool = False


@dataclass(kw_only=True)
class Session:
    """A browser that has signed in. It lives in this process: after a restart the browser signs in again by
    itself."""

    id: str
    token: str
    hub_session: str
    viewer: Viewer
    checked_at: float
    created_at: float = field(default_factory=time.monotonic)
    ended: bool = False


class Identities:
    """Signs browsers in, and says who a session belongs to now.

    Parameters
    ----------
    settings
        The installation.
    """

    def __init__(self, settings: Settings) -> None:
        base = settings.base_url.rstrip("/")
        self.prefix = prefix(settings)
        self.secure = settings.scheme == "https" or settings.tls_proxy
        self._sessions: dict[str, Session] = {}
        self._hub = HubOAuth(
            api_url=f"http://127.0.0.1:{settings.hub_port}{base}/hub/api",
            api_token=settings.paths.secret("dashboards"),
            hub_prefix=f"{base}/hub/",
            base_url=self.prefix,
            oauth_client_id="service-dashboards",
            oauth_redirect_uri=f"{self.prefix}oauth_callback",
            access_scopes={ACCESS_SCOPE},
        )

    def begin(self, next_path: str) -> web.Response:
        """Send a browser to the hub, remembering where it wanted to go."""
        verifier, challenge, method = self._hub.generate_pkce_code_challenge()
        state = self._hub.generate_state(next_path, code_verifier=verifier)
        query = {
            "client_id": self._hub.oauth_client_id,
            "redirect_uri": self._hub.oauth_redirect_uri,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": method,
        }
        response = web.Response(
            status=302, headers={"Location": f"{self._hub.oauth_authorization_url}?{urlencode(query)}"}
        )
        self._set_cookie(response, STATE_COOKIE, state, max_age=600)
        return response

    async def finish(self, request: web.Request) -> web.Response:
        """Take the code the hub has sent the browser back with, and open a session."""
        code, state = request.query.get("code", ""), request.query.get("state", "")
        kept = request.cookies.get(STATE_COOKIE, "")
        if not code or not state or not hmac.compare_digest(kept.encode(), state.encode()):
            raise NotSignedInError(
                "The sign-in was not started here or took too long.", "Open the dashboard again."
            )
        target, verifier = self._hub.get_next_url(state), self._hub.get_code_verifier(state)
        self._hub.clear_oauth_state(state)
        hub_session = request.cookies.get(HUB_SESSION_COOKIE, "")
        try:
            token = await self._hub.token_for_code(code, code_verifier=verifier, sync=False)
        except HTTPError as problem:
            raise UnavailableError(
                "The hub did not accept the sign-in.", "Open the dashboard again."
            ) from problem
        viewer = await self._ask(token)
        if viewer is None:
            raise NotSignedInError("The hub does not let you open dashboards.", "Ask an administrator.")
        session = Session(
            id=secrets.token_urlsafe(32),
            token=token,
            hub_session=hub_session,
            viewer=viewer,
            checked_at=_now(),
        )
        self._sessions[session.id] = session
        safe = target if target and target.startswith(self.prefix) else self.prefix
        response = web.Response(status=302, headers={"Location": safe})
        self._set_cookie(response, SESSION_COOKIE, session.id, max_age=int(SESSION_SECONDS))
        response.del_cookie(STATE_COOKIE, path=self.prefix)
        return response

    async def session(self, request: web.Request) -> Session | None:
        """Return the session of a browser, if the hub still knows its user."""
        session = self._sessions.get(request.cookies.get(SESSION_COOKIE, ""))
        if session is None or not await self.refresh(session):
            return None
        return session

    async def refresh(self, session: Session) -> bool:
        """Ask the hub again when the last answer is old; False when the session is over."""
        if session.ended or _now() - session.created_at > SESSION_SECONDS:
            self.end(session)
            return False
        if _now() - session.checked_at < FRESH_SECONDS:
            return True
        try:
            viewer = await self._ask(session.token)
        except UnavailableError:
            if _now() - session.checked_at > GRACE_SECONDS:
                raise
            return True
        if viewer is None or viewer.name != session.viewer.name:
            self.end(session)
            return False
        session.viewer, session.checked_at = viewer, _now()
        return True

    def end(self, session: Session) -> None:
        """Forget a session."""
        session.ended = True
        self._sessions.pop(session.id, None)

    async def _ask(self, token: str) -> Viewer | None:
        try:
            model = await self._hub.user_for_token(token, use_cache=False, sync=False)
        except HTTPError as problem:
            raise UnavailableError("The hub does not answer.", "Try again in a moment.") from problem
        if model is None or not self._hub.check_scopes(self._hub.access_scopes, model):
            return None
        return Viewer(
            name=model["name"], groups=tuple(model.get("groups", ())), admin=bool(model.get("admin"))
        )

    async def user(self, name: str) -> Viewer:
        """Return what the hub knows of any user; without groups or rights when it does not say."""
        try:
            model = await self._hub._api_request("GET", f"{self._hub.api_url}/users/{name}", allow_403=True)
        except HTTPError:
            model = None
        if model is None:
            return Viewer(name=name)
        return Viewer(name=name, groups=tuple(model.get("groups", ())), admin=bool(model.get("admin")))

    def _set_cookie(self, response: web.Response, name: str, value: str, *, max_age: int) -> None:
        response.set_cookie(
            name, value, path=self.prefix, httponly=True, samesite="Lax", secure=self.secure, max_age=max_age
        )


def _now() -> float:
    return time.monotonic()
