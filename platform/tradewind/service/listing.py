"""Lists whose search, filters, sorting and page live in the address, so that every view can be linked to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

PER_PAGE = 50


@dataclass(frozen=True)
class View:
    """What a list shows now.

    Attributes
    ----------
    path : str
        The list's own address.
    values : mapping
        Filters by name; those not in use are empty.
    sort : str
        The column it is sorted by, with a leading ``-`` when descending.
    page : int
        From 1.
    """

    path: str
    values: Mapping[str, str]
    sort: str
    default_sort: str
    page: int = 1

    @classmethod
    def of(cls, request: Request, filters: Sequence[str], sorts: Sequence[str], default_sort: str) -> "View":
        """Read a view from a request's address; unknown sorts and pages fall back."""
        query = request.query_params
        sort = query.get("sort", default_sort)
        if sort.removeprefix("-") not in sorts:
            sort = default_sort
        number = query.get("page", "1")
        page = max(1, int(number)) if number.isdigit() and len(number) < 7 else 1
        return cls(
            path=request.url.path,
            values={name: query.get(name, "").strip()[:200] for name in filters},
            sort=sort,
            default_sort=default_sort,
            page=page,
        )

    def __getitem__(self, name: str) -> str:
        """Return the value of a filter."""
        return self.values[name]

    @property
    def narrowed(self) -> bool:
        """Whether any filter is in use."""
        return any(self.values.values())

    @property
    def column(self) -> str:
        """The column sorted by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.page - 1) * PER_PAGE

    def link(self, **changes: str | int) -> str:
        """Return the address of this view with some of it changed; a change of filter returns to page 1."""
        every = {**self.values, "sort": self.sort, **{name: str(value) for name, value in changes.items()}}
        if every["sort"] == self.default_sort:
            every.pop("sort")
        if every.get("page") == "1":
            every.pop("page")
        kept = {name: value for name, value in every.items() if value}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def sort_link(self, column: str, *, descending_first: bool = False) -> str:
        """Return the address sorted by a column, reversing it when it is the present one."""
        if column == self.column:
            return self.link(sort=column if self.descending else f"-{column}")
        return self.link(sort=f"-{column}" if descending_first else column)


@dataclass(frozen=True)
class Shown[Row]:
    """One page of a list."""

    rows: Sequence[Row]
    total: int
    view: View

    @property
    def first(self) -> int:
        """Number of the first row shown."""
        return self.view.offset + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return self.view.offset + len(self.rows)

    @property
    def more(self) -> bool:
        """Whether there is another page."""
        return self.last < self.total


def shown[Row](rows: Sequence[Row], view: View, keys: Mapping[str, Callable[[Row], Any]]) -> Shown[Row]:
    """Sort rows and cut out the page; rows without a value come last either way.

    Parameters
    ----------
    rows
        All rows that match.
    view
        How to show them.
    keys
        What each column is sorted by.
    """
    key = keys[view.column]
    known = [row for row in rows if key(row) not in (None, "")]
    unknown = [row for row in rows if key(row) in (None, "")]
    ordered = sorted(known, key=key, reverse=view.descending) + unknown
    return Shown(ordered[view.offset : view.offset + PER_PAGE], len(ordered), view)
