"""The quality gate: what is wrong with a batch, and what becomes of it."""

from dataclasses import replace
from typing import Any

import numpy as np

from tradewind.errors import DataQualityError
from tradewind.ingest.quality_checks import CHECKS, Mask, bars_of, disagreement
from tradewind.ingest.quality_policy import Check, Context, Finding, Policy, Severity, Verdict
from tradewind.store.batch import Batch
from tradewind.store.spec import DatasetSpec

__all__ = ["Check", "Context", "Finding", "Policy", "Severity", "Verdict", "inspect"]


def inspect(
    batch: Batch,
    spec: DatasetSpec,
    policy: Policy | None = None,
    *,
    context: Context | None = None,
    other: np.ndarray | None = None,
    duplicates: int = 0,
) -> Verdict:
    """Run every check over a batch.

    Parameters
    ----------
    batch
        Bars with the corporate actions that explain their jumps.
    spec
        The dataset.
    policy
        How strict to be.
    context
        What the dataset holds just before the batch.
    other
        Closes of the same cells from another source (n, m), NaN where it has none.
    duplicates
        Equal rows that were merged on the way.

    Raises
    ------
    DataQualityError
        A finding's severity is to reject, or too many bars would be kept aside.
    """
    policy = policy or Policy()
    shape = (len(batch.symbols), len(batch.times))
    aside = np.zeros(shape, dtype=bool)
    reasons: dict[tuple[int, int], Check] = {}
    findings: list[Finding] = []
    if duplicates:
        findings.append(_whole(batch, Check.DUPLICATE, policy, spec, f"{duplicates} rows came twice"))
    for row, symbol in enumerate(batch.symbols):
        bars, places = bars_of(batch, row, spec, policy, context)
        found = [hit for check in CHECKS for hit in check(bars)]
        if other is not None and "close" in batch.values:
            found.extend(disagreement(bars, other[row, places]))
        for check, mask, message in found:
            severity = policy.severity(check, spec.basis)
            findings.append(_finding((check, mask, message), severity, symbol, bars.times))
            if severity is Severity.QUARANTINE:
                hit = places[mask[: len(places)]]
                aside[row, hit] = True
                reasons.update({(row, int(h)): check for h in hit if (row, int(h)) not in reasons})
    _refuse(findings, batch, aside, policy)
    return Verdict(
        batch=_without(batch, aside),
        findings=tuple(findings),
        quarantined=tuple(_row(batch, i, j, check) for (i, j), check in sorted(reasons.items())),
    )


def _finding(found: tuple[Check, Mask, str], severity: Severity, symbol: str, times: np.ndarray) -> Finding:
    check, mask, message = found
    hit = times[mask].astype("M8[s]")
    return Finding(
        check=check,
        severity=severity,
        symbol=symbol,
        first=str(hit[0]),
        last=str(hit[-1]),
        count=len(hit),
        message=message,
    )


def _whole(batch: Batch, check: Check, policy: Policy, spec: DatasetSpec, message: str) -> Finding:
    everything = np.ones(len(batch.times), dtype=bool)
    return _finding((check, everything, message), policy.severity(check, spec.basis), "", batch.times)


def _refuse(findings: list[Finding], batch: Batch, aside: np.ndarray, policy: Policy) -> None:
    fatal = [f for f in findings if f.severity is Severity.REJECT]
    if fatal:
        told = "; ".join(f"{f.symbol} {f.first[:10]}: {f.check} ({f.message})" for f in fatal[:3])
        names = ", ".join(sorted({str(f.check) for f in fatal}))
        raise DataQualityError(
            f"The batch was refused: {told}{' and more' if len(fatal) > 3 else ''}.",
            f"Correct it, record the missing action, or accept it by name: accept=[{names!r}].",
        )
    count, rows = int(aside.sum()), batch.rows
    if count > 20 and count > policy.most_quarantined * rows:
        checks = sorted({str(f.check) for f in findings if f.severity is Severity.QUARANTINE})
        raise DataQualityError(
            f"{count:,} of {rows:,} bars would have to be kept aside ({', '.join(checks)}).",
            "That is no accident: check calendar, columns and units.",
        )


def _without(batch: Batch, aside: np.ndarray) -> Batch:
    if not aside.any():
        return batch
    return replace(batch, values={f: np.where(aside, np.nan, v) for f, v in batch.values.items()})


def _row(batch: Batch, i: int, j: int, check: Check) -> dict[str, Any]:
    values = {f: float(v[i, j]) for f, v in batch.values.items() if not np.isnan(v[i, j])}
    stored = {f: v if np.isfinite(v) else str(v) for f, v in values.items()}
    return {
        "symbol": batch.symbols[i],
        "time": str(batch.times[j].astype("M8[s]")),
        "check": str(check),
        **stored,
    }
