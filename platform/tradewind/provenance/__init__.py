"""What a result depended on: the recorder of reads and the run card."""

from tradewind.provenance.card import RunCard
from tradewind.provenance.environment import cpu_features, git_commit, installed_layer, lock_hash
from tradewind.provenance.recorder import DatasetRead, Recorder, recorder

__all__ = [
    "DatasetRead",
    "Recorder",
    "RunCard",
    "cpu_features",
    "git_commit",
    "installed_layer",
    "lock_hash",
    "recorder",
]
