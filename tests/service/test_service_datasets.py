"""Datasets over the service: coverage, quality, who may read, and runs whose data was corrected since."""

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
from by_hand import Service
from tradewind.provenance.card import RunCard
from tradewind.store import access


@pytest.fixture
def corrected(service: Service) -> tuple[str, str]:
    """A dataset with a finding, a gap and a correction; runs of two users read it before."""
    days = pd.bdate_range("2024-03-04", periods=15)
    table = pd.DataFrame({"date": days, "symbol": "AAA", "close": np.linspace(10, 11, 15)})
    table.loc[7, "close"] = 900.0
    late = pd.DataFrame({"date": days[5:], "symbol": "BBB", "close": np.linspace(5, 6, 10)})
    first = tw.ingest.frame(pd.concat([table, late]), "prices", message="Spiky").snapshot
    for run, user in (("run-of-ann", "ann"), ("run-of-bob", "bob")):
        folder = service.settings.paths.runs / run / "result"
        folder.mkdir(parents=True)
        RunCard(
            run_id=run, template="backtest", notebook_sha256="", parameters={}, status="succeeded",
            sdk_version="", lock_sha256="", python="", user=user, ended_at="2024-04-01T10:00:00+00:00",
            datasets=[{"dataset": "prices", "snapshot": first}],
        ).write(folder / "run.json")  # fmt: skip
    table.loc[7, "close"] = 10.5
    table.loc[2, "close"] = 10.2
    tw.ingest.frame(table, "prices", message="Corrected")
    access.set_grants(service.settings, "prices", readers=["group:quants"], writers=["user:ann"])
    return "prices", first


def test_json(service: Service, corrected: tuple[str, str]) -> None:
    ann, bob, admin = service.api("ann"), service.api("bob"), service.api("admin")
    found = ann.get("datasets/prices").json()
    assert (found["readers"], found["writers"]) == (["group:quants"], ["user:ann"])
    assert found["quality"]["counts"] == {"spike": 1}
    assert found["quality"]["quarantined"] == 1
    assert found["restated_runs"] == 1
    (listed,) = ann.get("datasets").json()
    assert (listed["findings"], listed["quarantined"]) == ({"spike": 1}, 1)
    held = ann.get("datasets/prices/coverage").json()
    assert (held["symbols"], held["total"]) == (["AAA", "BBB"], [1.0, 0.6667])
    (mine,) = ann.get("datasets/prices/restatements").json()
    assert (mine["run_id"], mine["restated"], mine["filled"]) == ("run-of-ann", 1, 1)
    everybodys = [r["run_id"] for r in admin.get("datasets/prices/restatements").json()]
    assert sorted(everybodys) == ["run-of-ann", "run-of-bob"]
    assert [r["run_id"] for r in ann.get("reads", params={"dataset": "prices"}).json()] == ["run-of-ann"]
    assert [r["run_id"] for r in bob.get("reads").json()] == ["run-of-bob"]
    for what in ("", "/coverage", "/restatements"):
        assert bob.get(f"datasets/prices{what}").status_code == 404


def test_page(service: Service, corrected: tuple[str, str]) -> None:
    text = service.browser("ann").get("data/prices").text
    for shown in ("Coverage", "BBB: 66.7% of the bars", "close far off, and back with", "kept aside",
                  "group:quants", "user:ann", "run-of-ann", "1 value restated, 1 filled in"):  # fmt: skip
        assert shown in text, shown
    assert "run-of-bob" not in text
    assert "run-of-bob" in service.browser("admin").get("data/prices").text


def test_lists(service: Service, corrected: tuple[str, str]) -> None:
    assert "1 kept aside" in service.browser("ann").get("data").text
    assert "1 kept aside" in service.browser("admin").get("admin").text


def test_python_asks_the_service(
    service: Service, corrected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_API_URL", f"{service.url}/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "ann")
    found = tw.restatements("prices")
    assert [r.run.run_id for r in found] == ["run-of-ann"]
    assert "1 value restated" in repr(found) and "run-of-ann" in found._repr_html_()
    assert found.to_frame()["restated"].tolist() == [1]
    assert "group:quants" in tw.catalog()["prices"]._repr_html_()
