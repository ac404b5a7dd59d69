"""Errors as answers: JSON for programs, a page in the look for people, a fragment for htmx."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tradewind.errors import InvalidInputError, NotFoundError, TradewindError, UnavailableError
from tradewind.service.context import context
from tradewind.service.render import page
from tradewind.service.security import too_large
from tradewind.service.signin import SignInNeededError, bearer_token, redirect_to_hub

log = logging.getLogger("tradewind.service")


class MethodNotAllowedError(TradewindError):
    """The address exists, but not for that method."""

    code = "method_not_allowed"
    status = 405


class InternalError(TradewindError):
    """A fault of the platform's own."""

    code = "internal"


TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Somebody was faster",
    413: "Too large",
    422: "That does not work",
    500: "Something broke",
    503: "Not reachable",
}


FOR_PROGRAMS = frozenset({"api", "metrics", "health"})
"""Places that never answer with an error page."""


def document(problem: TradewindError) -> dict[str, Any]:
    """Return the JSON form of an error."""
    return {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint}}


def wants_page(request: Request) -> bool:
    """Whether a person waits for a page, rather than a program for JSON."""
    path = request.url.path.removeprefix(context(request).prefix).strip("/")
    for_programs = path.split("/")[0] in FOR_PROGRAMS and path != "api/docs"
    accepted = request.headers.get("accept", "*/*")
    return not for_programs and not bearer_token(request) and ("html" in accepted or "*/*" in accepted)


def answer(request: Request, problem: TradewindError) -> Response:
    """Answer a request with an error in the form the caller reads."""
    htmx = "hx-request" in request.headers
    if (
        isinstance(problem, SignInNeededError)
        and wants_page(request)
        and request.method == "GET"
        and not htmx
    ):
        return redirect_to_hub(request)
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == HTTPStatus.UNAUTHORIZED else {}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "3"
    if htmx:
        if isinstance(problem, SignInNeededError):
            headers["HX-Refresh"] = "true"
        return page(
            request, "fragments/problem.html", problem=problem, status=problem.status, headers=headers
        )
    if not wants_page(request):
        return JSONResponse(document(problem), status_code=problem.status, headers=headers)
    if "Retry-After" in headers and request.method == "GET":
        headers["Refresh"] = headers["Retry-After"]  # the page comes back by itself
    title = TITLES.get(problem.status, "That does not work")
    return page(request, "problem.html", title=title, problem=problem, status=problem.status, headers=headers)


def _validation_message(details: Sequence[Any]) -> str:
    parts = []
    for detail in details[:5]:
        where = ".".join(str(part) for part in detail["loc"] if part not in ("body", "query", "path"))
        parts.append(f"{where or 'body'}: {detail['msg']}")
    return "; ".join(parts) + "."


async def _tradewind(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, TradewindError)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s: %s", request.method, request.url.path, problem)
    return answer(request, problem)


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if isinstance(problem.__cause__, TradewindError):  # raised while the body was being read
        return answer(request, problem.__cause__)
    if problem.status_code == HTTPStatus.NOT_FOUND:
        return answer(request, NotFoundError(f"There is nothing at {request.url.path}."))
    if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer(
            request, MethodNotAllowedError(f"{request.method} is not possible at {request.url.path}.")
        )
    return answer(request, InvalidInputError(str(problem.detail)))


async def _validation(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    return answer(request, InvalidInputError(_validation_message(problem.errors()), "See api/docs."))


async def _connection(request: Request, problem: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, problem)
    return answer(request, UnavailableError("A part of the platform does not answer.", "Try again shortly."))


async def _unexpected(request: Request, problem: Exception) -> Response:
    log.exception("%s %s", request.method, request.url.path, exc_info=problem)
    return answer(request, InternalError("Something broke inside the platform.", "The log has the details."))


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(TradewindError, _tradewind)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ConnectionError, _connection)
    app.add_exception_handler(Exception, _unexpected)


def body_refusal(app: FastAPI, limit: int) -> Any:
    """Return what makes the answer to a body that is too large, outside of the application's own handlers."""

    def refuse(scope: Scope) -> ASGIApp:
        async def respond(_scope: Scope, receive: Receive, send: Send) -> None:
            request = Request({**scope, "app": app}, receive)
            await answer(request, too_large(limit))(scope, receive, send)

        return respond

    return refuse
