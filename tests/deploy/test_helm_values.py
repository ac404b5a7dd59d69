"""helm-values.yaml against the chart's own schema, and against what the platform promises."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared" / "schemas" / "zero-to-jupyterhub.values.schema.json"
VALUES = yaml.safe_load((ROOT / "helm-values.yaml").read_text())


def without_required(schema):
    """The chart merges our values into its own, so what we leave out is not missing."""
    if isinstance(schema, dict):
        return {
            k: without_required(v) for k, v in schema.items() if not (k == "required" and isinstance(v, list))
        }
    return [without_required(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.skipif(not SCHEMA.exists(), reason="the chart's schema is not at ../shared/schemas")
def test_values_fit_the_charts_schema():
    jsonschema.validate(VALUES, without_required(json.loads(SCHEMA.read_text())))


def test_no_secret_is_written_down():
    text = (ROOT / "helm-values.yaml").read_text()
    for word in ("apiToken:", "password:", "client_secret:", "secret_key:"):
        assert word not in text


def test_pods_cannot_reach_the_clouds_credentials_or_private_addresses():
    rules = VALUES["singleuser"]["networkPolicy"]["egressAllowRules"]
    assert rules["cloudMetadataServer"] is False
    assert rules["privateIPs"] is False
    assert VALUES["singleuser"]["allowPrivilegeEscalation"] is False


def test_the_servers_outlive_a_restarted_hub():
    assert VALUES["hub"]["config"]["JupyterHub"]["cleanup_servers"] is False
