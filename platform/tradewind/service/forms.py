"""Forms that lose nothing: what was typed is shown again, with what is wrong beside its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.datastructures import FormData

from tradewind.errors import TradewindError


@dataclass(frozen=True)
class Filled:
    """A form as somebody filled it in.

    Attributes
    ----------
    values : mapping
        Field to text; fields that may be given several times are in ``many``.
    problems : mapping
        Field to what is wrong with it.
    general : TradewindError or None
        What is wrong with no field in particular.
    """

    values: Mapping[str, str]
    many: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    general: TradewindError | None = None

    def __getitem__(self, name: str) -> str:
        """Return what was typed into a field."""
        return self.values.get(name, "")

    @property
    def bad(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.problems or self.general)


def typed(form: FormData, several: Sequence[str] = ()) -> Filled:
    """Take a posted form as text."""
    values = {name: value for name, value in form.multi_items() if isinstance(value, str) and name != "_xsrf"}
    many = {name: [value for value in form.getlist(name) if isinstance(value, str)] for name in several}
    return Filled(values, many)


def explained(problem: ValidationError) -> dict[str, str]:
    """Return what pydantic says, by field."""
    found: dict[str, str] = {}
    for detail in problem.errors():
        where = ".".join(str(part) for part in detail["loc"]) or "form"
        found.setdefault(where, detail["msg"].removeprefix("Value error, "))
    return found


def share_targets(form: Filled) -> list[str]:
    """Collect who a form shares with: ticked boxes, and names typed with commas or spaces between them."""
    found = list(form.many.get("share", ()))
    for name in form["users"].replace(",", " ").replace(";", " ").split():
        found.append(name if ":" in name or name == "everyone" else f"user:{name}")
    for name in form["groups"].replace(",", " ").replace(";", " ").split():
        found.append(name if ":" in name else f"group:{name}")
    return found


def share_fields(targets: Sequence[str]) -> dict[str, str]:
    """Return the texts of the share fields that stand for some targets; the opposite of `share_targets`."""
    return {
        "users": " ".join(t.removeprefix("user:") for t in targets if t.startswith("user:")),
        "groups": " ".join(t.removeprefix("group:") for t in targets if t.startswith("group:")),
    }
