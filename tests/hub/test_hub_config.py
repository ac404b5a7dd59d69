"""The hub's configuration as data, without a hub."""

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jupyterhub import orm, scopes
from jupyterhub.app import JupyterHub
from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.spawner import Spawner
from real_hub import settings_in
from tradewind.errors import SetupError
from tradewind.hub import authenticator, config, rights, theme, tuning
from tradewind.hub.theme import TEMPLATES
from tradewind.settings import REPOSITORY, Settings
from traitlets.utils.importstring import import_item


def test_the_configuration_file_is_short() -> None:
    assert len((REPOSITORY / "hub_config.py").read_text().splitlines()) < 40


def test_every_trait_exists_and_is_configurable(settings: Settings) -> None:
    """A misspelt trait is only a warning in the hub's log."""
    built = config.build(settings)
    known = {
        "JupyterHub": JupyterHub,
        "ConfigurableHTTPProxy": ConfigurableHTTPProxy,
        "Authenticator": import_item(built["JupyterHub"]["authenticator_class"]),
        "Spawner": Spawner,
    }
    assert set(built) == set(known)
    for name, traits in built.items():
        assert set(traits) <= set(known[name].class_traits(config=True)), name


def test_the_same_settings_give_the_same_configuration(settings: Settings) -> None:
    first, second = config.build(settings), config.build(settings)
    for built in (first, second):
        built["JupyterHub"]["template_vars"].pop("tw_warning")  # a function each
    assert first == second


def test_nothing_dies_with_the_hub(settings: Settings) -> None:
    hub = config.build(settings)["JupyterHub"]
    assert hub["cleanup_servers"] is False and hub["cleanup_proxy"] is False
    assert config.proxy(settings)["should_start"] is False
    assert not any("command" in service for service in hub["services"])


def test_routes_do_not_wait_for_a_service_that_is_down(settings: Settings) -> None:
    """With the hub's own 30 s for each service, a hub that starts alone gives no routes for a minute."""
    assert all(service["timeout"] <= 1 for service in rights.services(settings) if "url" in service)


@pytest.mark.parametrize(("cores", "limit"), [(1, 4), (2, 4), (8, 16), (64, 128)])
def test_starts_at_once_follow_the_cores(cores: int, limit: int) -> None:
    assert config.limits(cores)["concurrent_spawn_limit"] == limit


def test_only_loopback_is_listened_on_beside_the_proxy(settings: Settings) -> None:
    hub = config.build(settings)["JupyterHub"]
    assert hub["hub_bind_url"] == "http://127.0.0.1:8002"
    assert {service["url"] for service in hub["services"] if "url" in service} == {
        "http://127.0.0.1:8003",
        "http://127.0.0.1:8004",
    }


@pytest.mark.parametrize(
    ("given", "base"), [("/", "/"), ("", "/"), ("/research", "/research/"), ("a/b/", "/a/b/")]
)
def test_a_base_url_has_slashes_at_both_ends(tmp_path: Path, given: str, base: str) -> None:
    settings = settings_in(tmp_path / "var", base_url=given)
    assert config.base(settings) == base
    assert config.addresses(settings)["bind_url"] == f"http://127.0.0.1:8000{base}"
    assert f"report-uri {base}hub/security" in config.security_policy(settings)


@pytest.mark.parametrize(
    ("values", "secure"),
    [({}, False), ({"tls_proxy": True}, True), ({"tls_cert": "c", "tls_key": "k"}, True)],
)
def test_cookies_and_headers(tmp_path: Path, values: dict[str, Any], secure: bool) -> None:
    made = config.tornado(settings_in(tmp_path / "var", **values))
    assert made["cookie_options"].get("secure", False) is secure
    assert made["cookie_options"]["samesite"] == "Lax"
    assert ("Strict-Transport-Security" in made["headers"]) is secure
    policy = made["headers"]["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "default-src 'self'" in policy and "http" not in policy


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("postgresql://u:p%40ss@db/hub", "postgresql+psycopg://u:p%40ss@db/hub"),
        ("postgresql+psycopg://u@db/hub", "postgresql+psycopg://u@db/hub"),
        ("sqlite:////x/hub.sqlite", "sqlite:////x/hub.sqlite"),
    ],
)
def test_the_hubs_database(tmp_path: Path, url: str, made: str) -> None:
    assert config.state(settings_in(tmp_path / "var", hub_database_url=url))["db_url"] == made


# ---- roles ----


@pytest.fixture
def defined() -> None:
    """The hub's own scope definitions with ours among them."""
    for name in rights.SCOPES:
        scopes.scope_definitions.pop(name, None)
    scopes.define_custom_scopes({name: dict(scope) for name, scope in rights.SCOPES.items()})


@pytest.mark.usefixtures("defined")
def test_every_scope_exists(settings: Settings) -> None:
    for role in rights.roles():
        scopes._check_scopes_exist(role["scopes"], who_for=role["name"])
    wanted = config.spawner(settings)["server_token_scopes"]
    scopes._check_scopes_exist(wanted, who_for="a server")


def granted(name: str) -> set[str]:
    return {scope for role in rights.roles() if role["name"] == name for scope in role["scopes"]}


def test_what_a_user_may() -> None:
    mine = granted("user")
    assert {"self", "access:services!service=tradewind", "access:services!service=dashboards"} <= mine
    assert set(rights.EVERYBODY) <= mine
    assert not {"custom:tradewind:admin", "custom:tradewind:data-write"} & mine


def test_services_have_no_more_than_they_need() -> None:
    assert "proxy" in granted("tradewind-ops")
    for name in ("tradewind-culler", "tradewind-dashboards"):
        assert not any(scope.startswith(("admin", "tokens", "shutdown")) for scope in granted(name)), name


def test_a_service_with_pages_may_ask_for_all_our_scopes(settings: Settings) -> None:
    [service] = [s for s in rights.services(settings) if s["name"] == "tradewind"]
    assert set(service["oauth_client_allowed_scopes"]) == set(rights.SCOPES)
    assert len({s["api_token"] for s in rights.services(settings)}) == 5


def test_only_administrators_read_the_warning(tmp_path: Path) -> None:
    open_house = settings_in(tmp_path / "var", isolation="none-users-share-everything")
    warn = config.look(open_house)["template_vars"]["tw_warning"]
    assert "not kept apart" in warn(orm.User(name="boss", admin=True))
    assert warn(orm.User(name="alice", admin=False)) == "" and warn(None) == ""


# ---- identity providers ----

PROVIDER = {"admin_name": "boss", "oauth_client_id": "id", "oauth_client_secret": "secret"}
OIDC = {
    **PROVIDER,
    "authenticator": "oidc",
    "oauth_authorize_url": "https://id.example.org/authorize",
    "oauth_token_url": "https://id.example.org/token",
    "oauth_userdata_url": "https://id.example.org/userinfo",
}


@pytest.mark.parametrize(
    "values", [{**PROVIDER, "authenticator": "github"}, {**PROVIDER, "authenticator": "google"}, OIDC]
)
def test_each_provider_gets_what_its_class_knows(tmp_path: Path, values: dict[str, Any]) -> None:
    built = config.build(settings_in(tmp_path / "var", oauth_allow=("org:acme", "domain:acme.org"), **values))
    cls = import_item(built["JupyterHub"]["authenticator_class"])
    traits = built[cls.__name__]
    assert traits["client_id"] == "id"
    assert set(traits) <= set(cls.class_traits(config=True))
    made = cls(**traits)
    assert made.login_url("/hub/") == "/hub/oauth_login"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"oauth_client_secret": ""}, "oauth_client_secret"),
        ({"oauth_token_url": ""}, "oauth_token_url"),
        ({"admin_name": "admin"}, "administrator"),
    ],
)
def test_a_half_configured_provider_is_refused(tmp_path: Path, change: dict[str, str], words: str) -> None:
    settings = settings_in(tmp_path / "var", **{**OIDC, **change})
    with pytest.raises(SetupError, match=words):
        config.provider(settings)


def test_rules_are_read_by_kind(tmp_path: Path) -> None:
    settings = settings_in(
        tmp_path / "var", oauth_allow=("user:alice", "org:acme", "group: quants ", "user:")
    )
    assert authenticator.rules(settings, "user") == {"alice"}
    assert authenticator.rules(settings, "group") == {"quants"}
    assert authenticator.rules(settings, "domain") == set()


def test_rules_can_be_given_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_OAUTH_ALLOW", json.dumps(["user:alice", "org:acme"]))
    assert settings_in(tmp_path / "var").oauth_allow == ("user:alice", "org:acme")


# ---- what has no setting, and the theme ----


def test_the_hub_looks_at_starting_servers_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyterhub import utils

    before = utils.exponential_backoff.__defaults__
    try:
        tuning.look_more_often()
        assert utils.exponential_backoff.__defaults__[:3] == (tuning.FIRST, tuning.FACTOR, tuning.LONGEST)
        tuning.look_more_often()  # twice is once
        assert utils.exponential_backoff.__defaults__[:3] == (tuning.FIRST, tuning.FACTOR, tuning.LONGEST)
    finally:
        utils.exponential_backoff.__defaults__ = before


def test_the_theme_asks_nobody_else() -> None:
    for path in theme.STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text and "@import" not in text, path.name


def relative_luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme_name", ["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "muted", "accent", "gain", "loss", "ok", "warn", "bad"])
def test_words_can_be_read_on_every_ground(theme_name: str, ink: str) -> None:
    """WCAG 2 AA: a contrast of 4.5 for text."""
    sheet = (theme.STATIC / "tradewind.css").read_text()
    block = sheet.split(f'html[data-bs-theme="{theme_name}"] {{')[1].split("}")[0]
    colours = dict(
        line.strip().rstrip(";").split(": ") for line in block.splitlines() if line.strip().startswith("--")
    )
    for ground in ("bg", "surface", "raised"):
        light, dark = sorted(
            (relative_luminance(colours[f"--tw-{ink}"]), relative_luminance(colours[f"--tw-{ground}"])),
            reverse=True,
        )
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_who_comes_while_many_start_is_let_in_by_the_page_itself() -> None:
    """The hub starts a few servers at a time and answers 429 to the others."""
    ours = jinja2.FileSystemLoader(TEMPLATES)
    stand_in = jinja2.DictLoader({"templates/error.html": "{% block main %}{% endblock %}"})
    page = jinja2.Environment(loader=jinja2.ChoiceLoader([stand_in, ours]), autoescape=True).get_template(
        "error.html"
    )
    crowded = page.render(
        status_code=429, message="Too many users trying to log in right now. Try again in 9 seconds."
    )
    assert 'http-equiv="refresh"' in crowded and "starts as soon as there is a place" in crowded
    guessing = page.render(status_code=429, message="Try again in 30 seconds.")
    assert "refresh" not in guessing and "Too many attempts" in guessing
