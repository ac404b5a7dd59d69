"""Signing in through the hub: OAuth 2 code flow with PKCE; the dependency that says who calls."""

import hmac
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from jupyterhub.services.auth import HubOAuth
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response
from tornado.web import HTTPError

from tradewind.errors import NotAllowedError, NotSignedInError, UnavailableError
from tradewind.service.context import Context, context, in_thread
from tradewind.service.identity import TOKEN_CACHE_SECONDS, Identity, Scope
from tradewind.service.sessions import LIFETIME, Session
from tradewind.settings import Settings

SESSION_COOKIE = "tradewind-session"
STATE_COOKIE = "tradewind-state"
HUB_SESSION_COOKIE = "jupyterhub-session-id"
XSRF_FIELD = "_xsrf"
XSRF_HEADER = "X-XSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

router = APIRouter(include_in_schema=False)


class SignInNeededError(NotSignedInError):
    """A browser must sign in first; answered by a redirect to the hub."""


def hub_oauth(settings: Settings, prefix: str) -> HubOAuth:
    """Configure the hub's client library for this service."""
    base = settings.base_url.rstrip("/")
    return HubOAuth(
        api_url=f"http://127.0.0.1:{settings.hub_port}{base}/hub/api",
        api_token=settings.paths.secret("service"),
        hub_prefix=f"{base}/hub/",
        base_url=f"{prefix}/",
        oauth_client_id="service-tradewind",
        oauth_redirect_uri=f"{prefix}/oauth_callback",
        access_scopes={"access:services!service=tradewind"},
        cache_max_age=TOKEN_CACHE_SECONDS,
    )


def bearer_token(request: Request) -> str:
    """Return the token of an Authorization header, or an empty string."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() in ("token", "bearer") else ""


async def current_session(request: Request) -> Session | None:
    """Return the browser's session, if it has one."""
    session_id = request.cookies.get(SESSION_COOKIE)
    if not session_id:
        return None
    return await in_thread(context(request).sessions.find, session_id)


async def current_identity(request: Request) -> Identity:
    """Say who calls: by token, or by the browser's session with protection against forged requests.

    Raises
    ------
    NotSignedInError
        Nobody is known.
    NotAllowedError
        The request was not made by a page of this service.
    """
    here = context(request)
    hub_session = request.cookies.get(HUB_SESSION_COOKIE, "")
    token = bearer_token(request)
    if token:
        identity = await here.identities.identify(token)
        if identity is None:
            raise NotSignedInError(
                "The token is not known or has expired.", "Create one on the hub's Token page."
            )
        request.state.identity = identity
        return identity
    session = await current_session(request)
    identity = await here.identities.identify(session.token, hub_session) if session else None
    if session is None or identity is None:
        raise SignInNeededError(
            "Nobody is signed in.", "Sign in, or send a hub token: 'Authorization: token …'."
        )
    request.state.identity = identity
    request.state.session = session
    if request.method not in SAFE_METHODS:
        await refuse_forged(request, session)
    return identity


async def refuse_forged(request: Request, session: Session) -> None:
    """Accept a change by a browser only from a page of this address that knows the session's mark."""
    origin = request.headers.get("origin")
    # What a proxy in front says of itself counts too: a page of another site cannot send that header.
    hosts = f"{request.headers.get('host', '')},{request.headers.get('x-forwarded-host', '')}".lower()
    own = {host.strip() for host in hosts.split(",") if host.strip()}
    if origin is not None and urlsplit(origin).netloc.lower() not in own:
        raise NotAllowedError("The request came from another site.", "Use the form on the page itself.")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowedError("The request came from another site.", "Use the form on the page itself.")
    sent = request.headers.get(XSRF_HEADER, "")
    if not sent and "form" in request.headers.get("content-type", ""):
        sent = str((await form_of(request)).get(XSRF_FIELD, ""))
    if not hmac.compare_digest(sent.encode(), session.xsrf.encode()):
        raise NotAllowedError(
            "The form does not carry this session's mark.", "Reload the page and send the form again."
        )


async def form_of(request: Request) -> FormData:
    """Return the posted form; parsed once per request."""
    limit = context(request).settings.upload_limit_mb * 1024 * 1024
    return await request.form(max_files=4, max_fields=500, max_part_size=limit)


CurrentIdentity = Annotated[Identity, Depends(current_identity)]
PostedForm = Annotated[FormData, Depends(form_of)]


class Needs:
    """Dependency: the caller, who must hold a scope.

    Parameters
    ----------
    scope
        The scope of this handler.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, identity: CurrentIdentity) -> Identity:
        """Return the caller or raise."""
        identity.require(self.scope)
        return identity


Reader = Annotated[Identity, Depends(Needs(Scope.READ))]
Runner = Annotated[Identity, Depends(Needs(Scope.RUN))]
Publisher = Annotated[Identity, Depends(Needs(Scope.PUBLISH))]
Administrator = Annotated[Identity, Depends(Needs(Scope.ADMIN))]


def redirect_to_hub(request: Request) -> Response:
    """Send the browser to the hub and remember where it wanted to go."""
    oauth: HubOAuth = request.app.state.oauth
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    verifier, challenge, method = oauth.generate_pkce_code_challenge()
    state = oauth.generate_state(target, code_verifier=verifier)
    query = urlencode({"state": state, "code_challenge": challenge, "code_challenge_method": method})
    response = RedirectResponse(f"{oauth.login_url}&{query}", status_code=302)
    here = context(request)
    # One cookie a state: several tabs may sign in at once.
    response.set_cookie(
        f"{STATE_COOKIE}-{state[:8]}",
        state,
        max_age=600,
        path=f"{here.prefix}/oauth_callback",
        httponly=True,
        samesite="lax",
        secure=here.secure_cookies,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/oauth_callback", name="oauth_callback")
async def oauth_callback(request: Request, code: str = "", state: str = "") -> Response:
    """Finish signing in: exchange the code for a token and start a session."""
    here: Context = context(request)
    oauth: HubOAuth = request.app.state.oauth
    cookie = f"{STATE_COOKIE}-{state[:8]}"
    verifier = oauth.get_code_verifier(state)
    if not code or not state or request.cookies.get(cookie) != state:
        raise NotAllowedError(
            "This sign-in was not started by this browser.", "Open the page again to sign in."
        )
    if not verifier:  # the service was restarted meanwhile: start over, which shows nothing to the user
        return RedirectResponse(f"{here.prefix}/", status_code=302)
    target = oauth.get_next_url(state)
    oauth.clear_oauth_state(state)
    try:
        token = await oauth.token_for_code(code, code_verifier=verifier, sync=False)
    except HTTPError as problem:
        raise UnavailableError(
            "The hub did not confirm the sign-in.", "Open the page again; see `make logs` if it stays."
        ) from problem
    former = request.cookies.get(SESSION_COOKIE)
    if former:  # its token has ended
        await in_thread(here.sessions.drop, former)
    session = await in_thread(here.sessions.create, token)
    response = RedirectResponse(target, status_code=302)
    response.set_cookie(
        SESSION_COOKIE,
        session.id,
        max_age=int(LIFETIME.total_seconds()),
        path=here.prefix,
        httponly=True,
        samesite="lax",
        secure=here.secure_cookies,
    )
    response.delete_cookie(cookie, path=f"{here.prefix}/oauth_callback")
    return response
