"""What dies and what is stopped: a run ends exactly once, whoever executes it in the end."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from job_installation import USER, Installation, notebook, processes_with, wait_for
from tradewind.jobs import api, attempts
from tradewind.jobs.model import Outcome, WorkerState
from tradewind.jobs.tables import ready, workers
from tradewind.vocabulary import RunStatus


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation on SQLite, and one on a real PostgreSQL server."""
    extra = {}
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        name = f"jobs_{os.urandom(4).hex()}"
        server = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        server.dispose()
        extra["database_url"] = url.rsplit("/", 1)[0] + f"/{name}"
    made = Installation(tmp_path / "var", **extra)
    try:
        yield made
    finally:
        made.stop()


def engine_of(worker: "subprocess.Popen[bytes]") -> int:
    """The process id of a keeper's engine."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return int(wait_for(lambda: children.read_text().split(), what="the engine")[0])


def waits_for_a_file(here: Installation, mark: str, *, seconds: int = 600) -> dict[str, object]:
    """A notebook that shows it was started, then sleeps in a process that can be told from others."""
    return notebook(
        f"import subprocess\nchild = subprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
        f"import time\ntime.sleep({seconds})",
    )


def test_the_work_of_a_killed_engine_is_done_again_and_ends_once(either: Installation) -> None:
    here = either
    worker = here.start_worker()
    mark = f"6543{here.settings.port}"
    content = notebook(
        f"import subprocess\nsubprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
        "import time\ntime.sleep(6)",
        "import tradewind as tw\ntw.record(done=True)",
    )
    run = here.submit(content)
    here.reach(run, 1)
    killed = engine_of(worker)
    os.kill(killed, signal.SIGKILL)
    began = time.monotonic()
    wait_for(lambda: here.get(run).attempt == 2, 30, "the second attempt")
    assert time.monotonic() - began < 25
    ended = here.finish(run, 60)
    assert ended.status is RunStatus.SUCCEEDED, ended.error
    found = api.attempts_of(here.settings, run.id)
    assert [(a.number, a.outcome) for a in found] == [(1, "lost"), (2, "succeeded")]
    assert found[0].worker != found[1].worker
    assert ended.result_attempt == 2
    assert processes_with(mark) == []
    assert here.logs().count("ended: succeeded") == 1


def test_a_killed_worker_leaves_its_work_to_another(installation: Installation) -> None:
    here = installation
    first = here.start_worker()
    mark = f"5432{here.settings.port}"
    run = here.submit(waits_for_a_file(here, mark))
    here.reach(run, 1)
    # The keeper and its engine at once, as when a machine dies: nobody can say goodbye.
    engine = engine_of(first)
    os.kill(first.pid, signal.SIGSTOP)
    os.kill(engine, signal.SIGKILL)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not processes_with(mark), 10, "the tree of the dead worker to end")
    here.start_worker()
    wait_for(lambda: here.get(run).attempt == 2, 30, "the second attempt")
    api.cancel(here.settings, run.id)
    assert here.finish(run, 20).status is RunStatus.CANCELLED
    assert [a.outcome for a in api.attempts_of(here.settings, run.id)] == ["lost", "cancelled"]
    assert processes_with(mark) == []


def test_a_stopped_worker_hands_its_run_over(installation: Installation) -> None:
    here = installation
    worker = here.start_worker()
    mark = f"4321{here.settings.port}"
    run = here.submit(waits_for_a_file(here, mark))
    here.reach(run, 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert processes_with(mark) == []
    assert here.get(run).status is RunStatus.QUEUED
    assert api.live_workers(here.settings) == {}
    here.start_worker()
    again = here.reach(run, 1)
    assert again.attempt == 2
    api.cancel(here.settings, run.id)
    here.finish(run, 20)
    outcomes = [a.outcome for a in api.attempts_of(here.settings, run.id)]
    assert outcomes == [Outcome.HANDED_OVER.value, Outcome.CANCELLED.value]


def test_a_renewed_worker_finishes_what_it_runs(installation: Installation) -> None:
    here = installation
    worker = here.start_worker()
    long = here.submit(notebook("x = 1", "import time\ntime.sleep(8)"))
    here.reach(long, 1)
    worker.send_signal(signal.SIGHUP)
    states = lambda: set(api.live_workers(here.settings).values())  # noqa: E731
    wait_for(lambda: states() == {WorkerState.ACTIVE, WorkerState.DRAINING}, 20, "two engines")
    quick = here.finish(here.submit(notebook("y = 2")))
    assert quick.status is RunStatus.SUCCEEDED
    ended = here.finish(long)
    assert ended.status is RunStatus.SUCCEEDED
    first, second = (api.attempts_of(here.settings, run.id) for run in (long, quick))
    assert len(first) == len(second) == 1
    assert first[0].worker != second[0].worker
    wait_for(lambda: states() == {WorkerState.ACTIVE}, 20, "the old engine to leave")
    assert worker.poll() is None


def test_a_superseded_attempt_changes_nothing(installation: Installation) -> None:
    here = installation
    run = here.submit(notebook("1"))
    settings = here.settings
    first = attempts.begin(settings, "w1", run.id)
    second = attempts.begin(settings, "w2", run.id)
    assert first and second and (first.attempt, second.attempt) == (1, 2)
    assert attempts.standing(settings, run.id, 1) is attempts.Standing.SUPERSEDED
    attempts.progress(settings, run.id, 1, 3, 4)
    assert here.get(run).cell == 0
    assert not attempts.end(settings, run.id, 1, Outcome.SUCCEEDED, result_attempt=1)
    assert here.get(run).status is RunStatus.RUNNING
    assert attempts.end(settings, run.id, 2, Outcome.FAILED, result_attempt=2, error="x")
    assert not attempts.end(settings, run.id, 2, Outcome.SUCCEEDED, result_attempt=2)
    assert (here.get(run).status, here.get(run).result_attempt) == (RunStatus.FAILED, 2)
    assert attempts.begin(settings, "w3", run.id) is None


def test_a_run_that_kills_its_workers_is_given_up(installation: Installation) -> None:
    here = installation
    run = here.submit(notebook("1"))
    for _ in range(attempts.MOST_LOST):
        assert attempts.begin(here.settings, "w", run.id)
    assert attempts.begin(here.settings, "w", run.id) is None
    assert here.get(run).status is RunStatus.LOST
    assert "workers died" in here.get(run).error


def test_submitting_is_all_or_nothing(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.jobs import queue

    here = installation
    here.submit(notebook("1"))

    def refuse(*_arguments: object) -> None:
        raise RuntimeError("the job engine's table is locked")

    monkeypatch.setattr(queue, "enqueue_run", refuse)
    with pytest.raises(RuntimeError):
        here.submit(notebook("2"))
    monkeypatch.undo()
    assert api.count_runs(here.settings) == 1
    # The other way round: a failure after the job engine's row was written takes it back.
    with pytest.raises(ZeroDivisionError), ready(here.settings).begin() as connection:
        queue.enqueue_run(connection, "orphan", USER)
        _ = 1 / 0
    held = queue.client(ready(here.settings)).list_workflows(workflow_ids=["orphan"])
    assert held == []


def test_one_user_cannot_take_all_workers(tmp_path: Path) -> None:
    here = Installation(tmp_path / "var", worker_concurrency=3, runs_per_user=1)
    here.start_worker()
    try:
        slow = notebook("import time\ntime.sleep(2)")
        greedy = [here.submit(slow, user="ann") for _ in range(3)]
        modest = here.submit(slow, user="bob")
        most = 0
        while not all(here.get(run).status.final for run in [*greedy, modest]):
            running = [here.get(run) for run in greedy]
            most = max(most, sum(run.status is RunStatus.RUNNING for run in running))
            time.sleep(0.1)
        assert most == 1
        assert here.get(modest).ended_at < max(here.get(run).ended_at for run in greedy)
    finally:
        here.stop()


def test_a_dead_workers_row_is_cleared(installation: Installation) -> None:
    here = installation
    here.start_worker()
    wait_for(lambda: api.live_workers(here.settings), what="the worker")
    (name,) = api.live_workers(here.settings)
    with ready(here.settings).begin() as connection:
        row = connection.execute(sa.select(workers)).one()
        values = {**row._mapping, "id": "gone-1", "pid": 1, "beat_at": row.beat_at.replace(year=2020)}
        connection.execute(workers.insert().values(**values))
    wait_for(lambda: _names(here) == {name}, 15, "the dead row to go")


def _names(here: Installation) -> set[str]:
    with ready(here.settings).connect() as connection:
        return set(connection.execute(sa.select(workers.c.id)).scalars())
