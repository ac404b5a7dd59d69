"""Passwords: hashing in a small pool of threads, minimum strength, generated ones."""

import asyncio
import os
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tradewind.errors import WeakPasswordError

LONGEST = 256
"""Longer passwords are refused: hashing cost must not depend on a stranger's input."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = """
password passwort passwd secret letmein welcome changeme iloveyou monkey dragon sunshine princess
football baseball superman batman master shadow michael jordan computer internet whatever trustno
qwerty qwertz azerty asdfgh zxcvbn admin administrator root user guest login test testing default
tradewind jupyter jupyterhub trading trader market finance money bitcoin
""".split()  # noqa: SIM905
"""Words that a guess begins with; longer ones first when taken away."""
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6z7u8i9o0p",
)
_LEET = str.maketrans("013457@$!", "oieastasi")

# OWASP's first choice with its passes doubled. 46 MiB and tens of milliseconds each, so only a few at once.
_hasher = PasswordHasher(time_cost=2, memory_cost=46 * 1024, parallelism=1)
_pool = ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1)), thread_name_prefix="accounts")


async def in_pool[**P, R](function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that hashes or talks to the database in the accounts' own threads.

    Parameters
    ----------
    function
        What to call; ``args`` and ``kwargs`` go to it.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool, lambda: function(*args, **kwargs))


def hashed(password: str) -> str:
    """Return the argon2id hash of a password."""
    return str(_hasher.hash(password))


@cache
def _nobody() -> str:
    """A hash of nothing that anybody knows: unknown users take as long as known ones."""
    return hashed(secrets.token_hex(16))


def matches(stored: str | None, password: str) -> bool:
    """Whether a password fits a stored hash; takes the same time when there is none.

    Parameters
    ----------
    stored
        The stored hash, or None for an account that does not exist or has no password.
    password
        What was typed.
    """
    try:
        _hasher.verify(stored or _nobody(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None and len(password) <= LONGEST


def outdated(stored: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return bool(_hasher.check_needs_rehash(stored))


def generate() -> str:
    """Return a new random password of 99 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def check(password: str, name: str, minimum: int) -> None:
    """Refuse a password that is easily guessed.

    Parameters
    ----------
    password
        The wish.
    name
        The account's name.
    minimum
        The least number of characters.

    Raises
    ------
    WeakPasswordError
        With what to change.
    """
    if len(password) < minimum:
        raise WeakPasswordError(
            f"The password is too short: it needs at least {minimum} characters.",
            "A few words in a row are easy to remember.",
        )
    if len(password) > LONGEST:
        raise WeakPasswordError(f"The password is too long: {LONGEST} characters at most.")
    plain = password.lower()
    if len(set(plain)) < 5:
        raise WeakPasswordError("The password repeats the same few characters.", "Use more different ones.")
    letters = plain.translate(_LEET)
    name = name.lower()
    if len(name) >= 3 and (name in plain or name.translate(_LEET) in letters):
        raise WeakPasswordError("The password contains the user name.", "Choose one without it.")
    if _guessable(plain) or _guessable(_bare(plain).translate(_LEET)):
        raise WeakPasswordError(
            "The password is among the first that anybody would try.",
            "Add words that do not belong together.",
        )


def _guessable(plain: str) -> bool:
    """Whether little is left without common words, keyboard rows, repetitions and numbers at the ends."""
    rest = plain
    for row in _ROWS:
        for text in (row, row[::-1]):
            for size in range(len(text), 3, -1):
                for start in range(len(text) - size + 1):
                    rest = rest.replace(text[start : start + size], "")
    for word in sorted(_COMMON, key=len, reverse=True):
        rest = rest.replace(word, "")
    rest = re.sub(r"(.+?)\1{2,}", r"\1", rest)
    return len(_bare(rest)) < 4


def _bare(text: str) -> str:
    """Without digits and signs at the ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
