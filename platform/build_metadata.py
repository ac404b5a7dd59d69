"""Take the distribution's dependencies from requirements.in, so that they are written down once.

And put the Lab extension into the wheel where it has been built (``make up`` builds it).
"""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Read the direct dependencies of the product."""

    def update(self, metadata: dict) -> None:
        lines = (Path(self.root) / "requirements.in").read_text().splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]


class LabExtensionHook(BuildHookInterface):
    """Ship the built Lab extension; an editable installation has its own copy."""

    def initialize(self, version: str, build_data: dict) -> None:
        built = Path(self.root) / "extensions" / "tradewind-lab" / "tradewind_lab" / "labextension"
        if version != "editable" and (built / "package.json").exists():
            build_data["shared_data"][str(built)] = "share/jupyter/labextensions/@tradewind/lab"
