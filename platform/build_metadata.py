"""Take the distribution's dependencies from requirements.in, so that they are written down once."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Read the direct dependencies of the product."""

    def update(self, metadata: dict) -> None:
        lines = (Path(self.root) / "requirements.in").read_text().splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]
