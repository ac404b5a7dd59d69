"""The writer that fault tests kill: appends, corrects and compacts for ever, saying what it has committed.

Every cell of day ``d`` holds ``d * 100 + revision`` (plus a million for each further field), so that a state
that is torn between fields, symbols or days shows.
"""

import json
import random
import sys

import numpy as np
from makers import batch, spec
from tradewind.errors import ConflictError, UnavailableError
from tradewind.store import layout, maintenance
from tradewind.store.repository import Store
from tradewind.store.roots import Root, S3Options
from tradewind.store.writing import write

SYMBOLS = [f"S{i:02}" for i in range(12)]
FIELDS = ("close", "open", "volume")


def root_from(text: str) -> Root:
    """Read a root from JSON."""
    values = json.loads(text)
    return Root(values["url"], S3Options(**values["s3"]))


def day(place: int, revision: int):
    """The batch that holds one day at one revision."""
    values = {f: place * 100 + revision + i * 1e6 for i, f in enumerate(FIELDS)}
    return batch(SYMBOLS, [place], **values)


def revisions(view) -> dict[int, int]:
    """Return each day's revision; fail where a day is torn."""
    held: dict[int, int] = {}
    arrays = {f: np.asarray(view.array(f)[:]) - i * 1e6 for i, f in enumerate(FIELDS)}
    assert all(a.shape == (len(SYMBOLS), len(view.times)) for a in arrays.values()), "lengths differ"
    for j, time in enumerate(view.times):
        found = {float(v) for a in arrays.values() for v in a[:, j]}
        assert len(found) == 1, f"day {time} is torn: {sorted(found)[:4]}"
        value = int(found.pop())
        place = int((time.astype("M8[D]") - np.datetime64("2020-01-01")).astype(int))
        assert value // 100 == place, f"day {time} holds the values of day {value // 100}"
        held[place] = value % 100
    return held


def say(**facts: object) -> None:
    """Tell the test, at once."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def run(store: Store, seed: int) -> None:
    """Write until killed; one line of JSON for each commit that was acknowledged."""
    chance = random.Random(seed)
    try:
        held = revisions(store.snapshot("prices"))
    except LookupError:
        held = {}
    say(ready=True)
    while True:
        kind = chance.random()
        if kind < 0.08 and held:
            maintenance.compact(
                store, "prices", chunks=layout.Chunks(chance.randint(3, 12), chance.randint(5, 60))
            )
            say(compacted=True)
            continue
        place = chance.choice(sorted(held)) if kind < 0.4 and held else max(held, default=-1) + 1
        revision = held.get(place, 0) + 1 if place in held else 0
        if revision > 90:
            continue
        say(trying=place, revision=revision)
        try:
            write(store, spec(), day(place, revision))
        except (ConflictError, UnavailableError) as problem:
            say(error=type(problem).__name__)
            continue
        held[place] = revision
        say(done=place, revision=revision)


if __name__ == "__main__":
    run(Store(root_from(sys.argv[1])), int(sys.argv[2]))
