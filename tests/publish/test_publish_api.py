"""Publishing: what is accepted, what becomes a version, who may see it."""

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notebooks_to_publish import notebook, source
from tradewind.errors import ConflictError, InvalidInputError, NotFoundError, PathNotAllowedError
from tradewind.publish import api, bundle
from tradewind.publish.api import NotPublishableError, Runtime, ShareError, Source
from tradewind.publish.model import Dashboard, may_view, slug_of
from tradewind.publish.shipped import DESCRIPTIONS, publish_shipped
from tradewind.sandbox import home_name
from tradewind.settings import Settings


@pytest.mark.parametrize(
    ("name", "content", "runtime", "title"),
    [
        ("a.ipynb", notebook("# Hello", "print(1)"), Runtime.VOILA, "Hello"),
        ("a.ipynb", notebook("import panel as pn\npn.Column().servable()"), Runtime.PANEL, ""),
        ("a.ipynb", notebook("print('x.servable()')  # y.servable()"), Runtime.VOILA, ""),
        ("a.ipynb", notebook("%matplotlib inline\nx.servable()"), Runtime.PANEL, ""),
        ("a.ipynb", notebook("%%bash\nx.servable()", "print(1)"), Runtime.VOILA, ""),
        ("a.ipynb", notebook("this is no python", "print(1)"), Runtime.VOILA, ""),
        ("a.py", b'"""My lab.\n\nLong."""\nimport panel\npanel.Row().servable()\n', Runtime.PANEL, "My lab"),
    ],
)
def test_what_serves_a_file_is_found_from_what_it_uses(
    name: str, content: bytes, runtime: Runtime, title: str
) -> None:
    assert bundle.inspect(Source(name=name, content=content)) == (runtime, title)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.ipynb", b"{", "not a valid notebook"),
        ("a.ipynb", b'{"cells": [], "nbformat": 3}', "not a valid notebook"),
        ("a.ipynb", b'{"cells": [], "nbformat": 4}', "no code"),
        ("a.ipynb", notebook("1+1", language="R"), "R"),
        ("a.py", b"print(1)", "servable"),
        ("a.py", b"def (", "not valid Python"),
        ("a.py", b"\x00", "not valid Python"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_said_why(name: str, content: bytes, word: str) -> None:
    with pytest.raises(NotPublishableError, match=word):
        bundle.inspect(Source(name=name, content=content))


def test_a_publication_is_an_immutable_bundle_with_its_hash(settings: Settings) -> None:
    made = api.publish(settings, owner="ann", source=source(), description="Why")
    assert (made.slug, made.title, made.version, made.owner) == ("idea", "An idea", 1, "ann")
    assert made.share_with == () and made.url(settings) == "/services/dashboards/idea/"
    folder = bundle.folder_of(settings, "idea", 1)
    manifest = bundle.verify(folder)
    assert manifest.sha256 == source().sha256 and manifest.lock_sha256 and manifest.sdk_version
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.iterdir())
    assert not [p for p in settings.paths.dashboards.iterdir() if p.name.startswith(".staging")]
    file = folder / manifest.name
    file.chmod(0o644)
    file.write_bytes(notebook("print('altered')"))
    with pytest.raises(NotPublishableError, match="not what was published"):
        bundle.verify(folder)


def test_publishing_again_makes_a_version_and_the_same_content_none(settings: Settings) -> None:
    api.publish(settings, owner="ann", source=source(), share_with=["everyone"], description="Why")
    again = api.publish(settings, owner="ann", source=source(), title="Other words")
    assert (again.version, again.title, again.description) == (1, "Other words", "Why")
    assert again.share_with == ("everyone",), "shares are kept when none are given"
    changed = api.publish(settings, owner="ann", source=source("idea.ipynb", "print(2)"), share_with=[])
    assert changed.version == 2 and changed.share_with == ()
    assert [v.number for v in api.history(settings, "idea")] == [2, 1]
    assert bundle.folder_of(settings, "idea", 1).is_dir(), "earlier versions stay"


def test_another_users_name_is_never_taken(settings: Settings) -> None:
    api.publish(settings, owner="ann", source=source())
    bobs = api.publish(settings, owner="bob", source=source())
    assert bobs.slug == "idea-2"
    assert api.publish(settings, owner="bob", source=source("idea.ipynb", "2")).slug == "idea-2"
    with pytest.raises(ConflictError):
        api.publish(settings, owner="bob", source=source(), slug="idea")


@pytest.mark.parametrize("target", ["bob", "user:", "group:  ", "all", "", "everyone,user:bob", "user:a\nb"])
def test_a_share_with_nobody_is_refused_before_anything_is_written(settings: Settings, target: str) -> None:
    with pytest.raises(ShareError):
        api.publish(settings, owner="ann", source=source(), share_with=[target, "group:quants"])
    assert api.list_all(settings) == []


@pytest.mark.parametrize("slug", ["static", "-x", "A", "a b", "../x", "x" * 61, "~x"])
def test_a_name_that_cannot_be_an_address_is_refused(settings: Settings, slug: str) -> None:
    with pytest.raises(InvalidInputError):
        api.publish(settings, owner="ann", source=source(), slug=slug)


@given(st.text(max_size=80))
def test_any_file_name_becomes_an_address(name: str) -> None:
    slug = slug_of(name)
    assert 0 < len(slug) <= 60 and slug == slug_of(slug)
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and slug.strip("-") == slug


@pytest.mark.parametrize(
    ("user", "groups", "admin", "seen"),
    [
        ("ann", (), False, True),
        ("bob", (), False, True),
        ("carol", ("quants",), False, True),
        ("carol", ("Quants", "user:bob"), False, False),
        ("carol", (), False, False),
        ("carol", (), True, True),
        ("everyone", (), False, False),
    ],
)
def test_who_may_see_a_dashboard(
    settings: Settings, user: str, groups: tuple[str, ...], admin: bool, seen: bool
) -> None:
    made = api.publish(settings, owner="ann", source=source(), share_with=["user:bob", "group:quants"])
    assert may_view(made, user, groups, admin) is seen
    assert bool(api.list_visible(settings, user, groups, admin)) is seen


@given(st.sampled_from(["dave", "group:x", "bob "]), st.lists(st.text(max_size=6), max_size=3))
def test_a_strangers_groups_never_open_what_is_shared_with_a_user(user: str, groups: list[str]) -> None:
    moment = datetime.now(UTC)
    made = Dashboard(slug="a", title="a", description="", owner="ann", version=1, runtime=Runtime.VOILA,
                     share_with=("user:bob",), created_at=moment, updated_at=moment)  # fmt: skip
    assert not may_view(made, user, groups, False)


def test_shares_can_be_withdrawn_and_dashboards_removed(settings: Settings) -> None:
    api.publish(settings, owner="ann", source=source(), share_with=["everyone"])
    assert api.update_shares(settings, "idea", ["group:b", "group:a", "group:a"]).share_with == (
        "group:a",
        "group:b",
    )
    assert api.update(settings, "idea", title="T", description="D").title == "T"
    api.delete(settings, "idea")
    assert api.list_all(settings) == [] and not (settings.paths.dashboards / "idea").exists()
    for call in (api.get, api.delete):
        with pytest.raises(api.DashboardNotFoundError):
            call(settings, "idea")


def test_a_removed_users_dashboards_are_handed_over(settings: Settings) -> None:
    api.publish(settings, owner="ann", source=source())
    api.publish(settings, owner="bob", source=source("b.ipynb"), share_with=["user:ann", "everyone"])
    assert api.hand_over(settings, "ann", "admin") == ["idea"]
    assert api.get(settings, "idea").owner == "admin"
    assert api.get(settings, "b").share_with == ("everyone",)


def test_many_who_publish_at_once_lose_nothing(settings: Settings) -> None:
    api.publish(settings, owner="ann", source=source("idea.ipynb", "0"))
    problems: list[Exception] = []

    def work(number: int) -> None:
        try:
            api.publish(settings, owner="ann", source=source("idea.ipynb", str(number)))
        except Exception as problem:  # noqa: BLE001  looked at below
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(p, ConflictError) for p in problems), problems
    made = api.get(settings, "idea").version
    assert made == 7 - len(problems)
    numbers = [v.number for v in api.history(settings, "idea")]
    assert numbers == list(range(made, 0, -1))
    for version in api.history(settings, "idea"):
        assert bundle.verify(bundle.folder_of(settings, "idea", version.number)).sha256 == version.sha256


def test_what_a_crash_left_behind_does_not_stop_the_next_publication(settings: Settings) -> None:
    orphan = bundle.folder_of(settings, "idea", 1)
    orphan.mkdir(parents=True)
    (orphan / "half").write_text("x")
    made = api.publish(settings, owner="ann", source=source())
    assert bundle.verify(bundle.folder_of(settings, "idea", made.version))


@pytest.fixture
def home(settings: Settings) -> Path:
    """Ann's home."""
    folder = settings.paths.user_home(home_name("ann"))
    (folder / "notebooks").mkdir(parents=True)
    (folder / "notebooks" / "idea.ipynb").write_bytes(source().content)
    return folder


def test_a_path_in_ones_home_is_read(settings: Settings, home: Path) -> None:
    assert api.source_from_path(settings, "ann", "notebooks/idea.ipynb") == source()
    shipped = api.source_from_path(settings, "ann", "dashboards/market_overview.ipynb")
    assert shipped.name == "market_overview.ipynb"


@pytest.mark.parametrize(
    "path", ["/etc/passwd.ipynb", "../bob/x.ipynb", "notebooks/../../bob/x.ipynb", ".tradewind/x.ipynb"]
)
def test_a_path_outside_the_home_is_refused(settings: Settings, home: Path, path: str) -> None:
    with pytest.raises(PathNotAllowedError):
        api.source_from_path(settings, "ann", path)


def test_no_link_leads_out_of_a_home(settings: Settings, home: Path) -> None:
    outside = settings.paths.home / "secret.ipynb"
    outside.write_bytes(source().content)
    (home / "link.ipynb").symlink_to(outside)
    (home / "folder").symlink_to(settings.paths.home)
    for path in ("link.ipynb", "folder/secret.ipynb"):
        with pytest.raises(PathNotAllowedError):
            api.source_from_path(settings, "ann", path)


def test_a_missing_file_and_a_file_of_another_kind_are_told_apart(settings: Settings, home: Path) -> None:
    with pytest.raises(NotFoundError):
        api.source_from_path(settings, "ann", "notebooks/none.ipynb")
    with pytest.raises(NotPublishableError):
        api.source_from_path(settings, "ann", "notebooks/table.csv")


def test_what_ships_is_published_once_for_everyone(settings: Settings) -> None:
    made = publish_shipped(settings)
    assert {d.slug for d in made} == {slug_of(name.rsplit(".", 1)[0]) for name in DESCRIPTIONS}
    assert all(d.share_with == ("everyone",) and d.owner == settings.admin_name and d.shipped for d in made)
    assert {d.slug: d.runtime for d in made}["strategy-lab"] is Runtime.PANEL
    assert {d.slug: d.runtime for d in made}["market-overview"] is Runtime.VOILA
    api.update_shares(settings, "market-overview", ["group:quants"])
    api.delete(settings, "strategy-lab")
    again = publish_shipped(settings)
    assert {d.slug: (d.version, d.share_with) for d in again} == {
        "market-overview": (1, ("group:quants",)),
        "backtest-report": (1, ("everyone",)),
    }, "what an administrator decided stays"
    shutil.rmtree(settings.paths.dashboards)
