"""Signed-in browsers: the cookie holds a random id, the hub token stays here, sealed at rest."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from tradewind.database import engine, ensure_tables, metadata
from tradewind.settings import Settings

MOST_KNOWN = 10_000
"""Sessions kept in memory."""
LIFETIME = timedelta(days=14)
"""The hub's own cookie lives as long; its token ends earlier when the user signs out there."""

table = sa.Table(
    "service_sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("sealed_token", sa.Text, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False, index=True),
)


@dataclass(frozen=True)
class Session:
    """One signed-in browser.

    Attributes
    ----------
    id : str
        The cookie's value.
    token : str
        The hub token that the browser never sees.
    xsrf : str
        What forms of this browser must send back.
    """

    id: str
    token: str
    xsrf: str


class Sessions:
    """The store of sessions; it survives a restart of the service.

    Parameters
    ----------
    settings
        Where the database and the sealing secret are.
    """

    def __init__(self, settings: Settings) -> None:
        secret = settings.paths.secret("service_sessions").encode()
        self._xsrf_key = hashlib.sha256(b"xsrf" + secret).digest()
        self._seal = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"seal" + secret).digest()))
        self._engine = engine(settings.database)
        self._known: dict[str, Session] = {}
        ensure_tables(self._engine, table)

    def create(self, token: str) -> Session:
        """Remember a hub token under a new random id."""
        session = self._session(secrets.token_urlsafe(32), token)
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.created_at < (now - LIFETIME).isoformat()))
            connection.execute(
                table.insert().values(
                    digest=_digest(session.id),
                    sealed_token=self._seal.encrypt(token.encode()).decode(),
                    created_at=now.isoformat(),
                )
            )
        self._known[_digest(session.id)] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Return the session of a cookie, or None when there is none (any more)."""
        digest = _digest(session_id)
        if digest in self._known:
            return self._known[digest]
        oldest = (datetime.now(UTC) - LIFETIME).isoformat()
        query = sa.select(table.c.sealed_token).where(table.c.digest == digest, table.c.created_at >= oldest)
        with self._engine.connect() as connection:
            sealed = connection.execute(query).scalar()
        if sealed is None:
            return None
        try:
            token = self._seal.decrypt(sealed.encode()).decode()
        except InvalidToken:  # the secret was renewed
            return None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()  # they are read again from the database
        return self._known.setdefault(digest, self._session(session_id, token))

    def drop(self, session_id: str) -> None:
        """Forget a session."""
        self._known.pop(_digest(session_id), None)
        with self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.digest == _digest(session_id)))

    def _session(self, session_id: str, token: str) -> Session:
        xsrf = hmac.new(self._xsrf_key, session_id.encode(), hashlib.sha256).hexdigest()
        return Session(session_id, token, xsrf)


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
