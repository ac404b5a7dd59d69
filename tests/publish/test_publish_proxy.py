"""What goes through the dashboard host in each direction, without a process behind it."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.publish.host import static
from tradewind.publish.host.launch import PLACEHOLDER
from tradewind.publish.host.proxy import MARK, REQUEST_HEADERS, RESPONSE_HEADERS, SANDBOX, replaced

KEY = b"~" + b"k" * 32


async def _chunks(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _through(parts: list[bytes]) -> bytes:
    return b"".join([piece async for piece in replaced(_chunks(parts), KEY)])


@given(
    st.lists(st.sampled_from([MARK, MARK[:7], b"~", b"0", b"a", b'<a href="/x/', b"~~0000"]), max_size=12),
    st.lists(st.integers(0, 400), max_size=12),
)
def test_a_viewers_key_is_put_in_wherever_chunks_are_cut(parts: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(parts)
    borders = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    chunks = [whole[a:b] for a, b in pairwise(borders)]
    assert asyncio.run(_through(chunks)) == whole.replace(MARK, KEY)


def test_a_key_is_as_long_as_what_it_replaces() -> None:
    assert len(PLACEHOLDER) == 33 and len(KEY) == len(MARK)


def test_neither_secrets_nor_policies_are_passed_on() -> None:
    asked = {name.lower() for name in REQUEST_HEADERS}
    assert not asked & {"cookie", "authorization", "origin", "referer", "x-forwarded-for", "host"}
    given_back = {name.lower() for name in RESPONSE_HEADERS}
    assert not given_back & {
        "set-cookie",
        "content-security-policy",
        "access-control-allow-origin",
        "clear-site-data",
    }
    assert "allow-same-origin" not in SANDBOX and "allow-top-navigation" not in SANDBOX


@pytest.mark.parametrize("path", ["voila/voila.js", "voila/index.css", "host/frame.js", "bokeh/bokeh.min.js"])
def test_shared_files_are_found(path: str) -> None:
    assert static.find(path) is not None


@pytest.mark.parametrize(
    "path",
    [
        "voila/../../../../../etc/passwd",
        "host/../../api.py",
        "/etc/passwd",
        "host//etc/passwd",
        "other/x",
        "host/",
    ],
)
def test_nothing_else_is(path: str) -> None:
    assert static.find(path) is None
