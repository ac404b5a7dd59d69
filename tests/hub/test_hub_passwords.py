"""Minimum strength, generated passwords, hashing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.errors import WeakPasswordError
from tradewind.hub import passwords


@pytest.mark.parametrize(
    "password",
    [
        "short", "aaaaaaaaaaaa", "abababababab", "password123", "Passw0rd2026!", "1234567890", "qwertyuiop",
        "qwertz123456", "iloveyou2026", "abcdefghij12", "passwordpassword", "20261121123456",
        "alice-in-wonder", "al1ce4ever99",
        "x" * 300, "administrator1", "!!!monkey!!!!", "0987654321zz",
    ],
)  # fmt: skip
def test_what_anybody_would_guess_is_refused(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        passwords.check(password, "alice", 10)


@pytest.mark.parametrize(
    "password",
    [
        "gale lantern orbit",
        "correct horse battery",
        "Xk3-plover+mint",
        "füllhörnchen-blau",
        "t9#Lm2!vRq0z",
        "日本語のとても長いパスワード",
    ],
)
def test_what_is_hard_to_guess_passes(password: str) -> None:
    passwords.check(password, "alice", 10)


def test_generated_ones_pass_and_differ() -> None:
    made = {passwords.generate() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        passwords.check(password, "admin", 10)
        assert len(password) == 23


def test_the_least_length_is_a_setting() -> None:
    with pytest.raises(WeakPasswordError, match="at least 20"):
        passwords.check("gale lantern orbit", "alice", 20)


@given(st.text(max_size=300), st.text(min_size=2, max_size=32))
def test_checking_never_fails_otherwise(password: str, name: str) -> None:
    try:
        passwords.check(password, name, 10)
    except WeakPasswordError as problem:
        assert problem.message


def test_hashes_are_argon2id_salted_and_match_only_their_password() -> None:
    first, second = passwords.hashed("gale lantern orbit"), passwords.hashed("gale lantern orbit")
    assert first.startswith("$argon2id$") and first != second
    assert passwords.matches(first, "gale lantern orbit")
    assert not passwords.matches(first, "gale lantern orbiT")
    assert not passwords.matches("not a hash", "gale lantern orbit")
    assert not passwords.matches(None, "")


def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    stored = passwords.hashed("gale lantern orbit")
    passwords.matches(None, "warm up")

    def seconds(hash_or_none: str | None) -> float:
        times = []
        for _ in range(7):
            began = time.perf_counter()
            passwords.matches(hash_or_none, "wrong password")
            times.append(time.perf_counter() - began)
        return min(times)

    known, unknown = seconds(stored), seconds(None)
    assert 0.4 < known / unknown < 2.5
    assert unknown > 0.01  # it was really hashed
