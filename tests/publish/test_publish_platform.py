"""Publishing on a running platform: the shell and the SDK over the real API, the real hub's sign-in."""

import itertools
import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from live_platform import LivePlatform
from notebooks_to_publish import notebook
from tradewind.client import Client
from tradewind.errors import NotAllowedError
from tradewind.publish.sdk import Published, publish

pytestmark = [pytest.mark.platform, pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(600)]

NUMBERS = itertools.count(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a notebook in it."""
    (tmp_path / "my_idea.ipynb").write_bytes(notebook("# My idea", "print(1)"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pia(platform: LivePlatform, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user whose kernel this process stands for."""
    name = f"pia-{next(NUMBERS)}"
    platform.add_user(name)
    monkeypatch.setenv("TRADEWIND_API_URL", f"{platform.url}/services/tradewind/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", platform.token(name))
    return name


def test_the_sdk_publishes_shares_and_removes(platform: LivePlatform, pia: str, folder: Path) -> None:
    made = publish("my_idea.ipynb", share_with=["user:quinn"])
    assert isinstance(made, Published) and made.owner == pia and made.title == "My idea" and made.version == 1
    assert made.url in made._repr_html_() and "user:quinn" in repr(made)
    (folder / "my_idea.ipynb").write_bytes(notebook("# My idea", "print(2)"))
    assert publish("my_idea.ipynb").version == 2
    assert made.share([]).share_with == ()
    with pytest.raises(NotAllowedError):
        Published(Client.from_environment().get("dashboards/strategy-lab")).share([])
    made.remove()
    assert made.slug not in {d["slug"] for d in Client.from_environment().get("dashboards")}


def test_the_shell_does_the_same(platform: LivePlatform, folder: Path) -> None:
    path = folder / "my_idea.ipynb"
    done = platform.tradewind(
        "publish", str(path), "--name", "shell-idea", "--share", "group:quants", "--json"
    )
    made = json.loads(done.stdout)
    assert made["slug"] == "shell-idea" and made["share_with"] == ["group:quants"]
    listed = json.loads(platform.tradewind("publish", "list", "--json").stdout)
    assert {"shell-idea", "market-overview", "backtest-report", "strategy-lab"} <= {d["slug"] for d in listed}
    shared = json.loads(platform.tradewind("publish", "share", "shell-idea", "everyone", "--json").stdout)
    assert shared["share_with"] == ["everyone"]
    assert "Removed" in platform.tradewind("publish", "remove", "shell-idea").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/etc/hosts.ipynb"], "not in your home"),
        (["none.ipynb"], "no file"),
        (["my_idea.ipynb", "--share", "bob"], "nobody to share with"),
        (["share", "no-such-thing", "everyone"], "no-such-thing"),
    ],
)
def test_a_mistake_is_said_on_stderr_with_exit_code_2(
    platform: LivePlatform, folder: Path, words: list[str], message: str
) -> None:
    done = platform.tradewind("publish", *words, check=False)
    assert done.returncode == 2 and message in done.stderr and done.stdout == ""


def test_the_real_hub_signs_viewers_in_and_tells_them_apart(
    platform: LivePlatform, pia: str, folder: Path
) -> None:
    publish("my_idea.ipynb", slug="for-quinn", share_with=["user:quinn"])
    page = "/services/dashboards/for-quinn/"
    headers = {"Accept": "text/html"}
    with closing(platform.sign_in("quinn", platform.add_user("quinn"))) as quinn:
        seen = quinn.get(page, headers=headers)
    assert seen.status_code == 200 and 'id="dashboard"' in seen.text and "quinn" in seen.text
    with closing(platform.sign_in("rose", platform.add_user("rose"))) as rose:
        refused = rose.get(page, headers=headers)
    assert refused.status_code == 403 and "Not shared with you" in refused.text
    stranger = httpx.get(platform.url + page, headers=headers, follow_redirects=True)
    assert "/hub/login" in str(stranger.url)
