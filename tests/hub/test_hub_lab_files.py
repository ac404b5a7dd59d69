"""Lab's scripts from the hub, in the place of a server that does not run."""

import re

import httpx
import pytest
from real_hub import Hub
from tradewind.hub import lab_files

pytestmark = [pytest.mark.platform]


def get(hub: Hub, path: str) -> httpx.Response:
    return httpx.get(f"{hub.url}{path}", trust_env=False)


def test_the_list_names_scripts_that_are_installed():
    early = lab_files.early()
    listed = lab_files.LIST.read_text().split()
    assert len(early) == len(listed), "a pattern of the list matches nothing, or more than one file"
    for address in early:
        path, _, version = address.partition("?v=")
        assert re.search(rf"\.{version}\.js$", path) if version else "/remoteEntry." in path


def test_every_listed_script_is_given_out_for_ever_and_to_everybody(hub: Hub):
    for address in lab_files.early()[::7]:
        answer = get(hub, f"/user/nobody/{address}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "javascript" in answer.headers["content-type"]
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "static/lab/package.json",
        "static/lab/index.html",
        "static/lab/%2e%2e/%2e%2e/%2e%2e/%2e%2e/pyvenv.cfg",
        "lab/extensions/%2e%2e/lab/static/package.json",
        "static/lab/no-such.0123456789abcdef.js",
    ],
)
def test_nothing_else_is(hub: Hub, path: str):
    # the proxy may make another address of one with dots in it, which leads to the hub's own pages
    assert get(hub, f"/user/nobody/{path}").status_code in (302, 403, 404)


def test_other_addresses_of_a_server_still_lead_to_the_hub(hub: Hub):
    answer = get(hub, "/user/nobody/lab")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/hub/user/nobody/lab")
