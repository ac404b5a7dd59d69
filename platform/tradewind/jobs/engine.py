"""The worker's engine: a DBOS executor with a heartbeat, a reaper and an orderly end.

Started by :mod:`tradewind.jobs.worker`. What the open job engine leaves to its users is here: noticing that
another executor has died, and giving its work to a living one.
"""

import logging
import os
import secrets
import signal
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig
from dbos._dbos import _get_dbos_instance

from tradewind.errors import TradewindError
from tradewind.jobs import attempts, queue, rows, schedules
from tradewind.jobs.attempt import Supervisor
from tradewind.jobs.model import Outcome, WorkerState
from tradewind.jobs.processes import Starter
from tradewind.jobs.tables import attempts as attempts_table
from tradewind.jobs.tables import ready, runs, workers
from tradewind.settings import Settings, load_settings
from tradewind.vocabulary import RunStatus

log = logging.getLogger(__name__)

HAND_OVER_SECONDS = 12.0
"""How long a stopping worker waits for its process trees to end."""
_HELD = ("ENQUEUED", "DELAYED", "PENDING")


class Engine:
    """One executor.

    Parameters
    ----------
    settings
        This installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.stopping = threading.Event()
        self.draining = threading.Event()
        self._done = threading.Event()
        self._busy: set[str] = set()
        self._starter = Starter()
        self._lock = threading.Lock()

    # -- what the queue asks for

    def run(self, run_id: str) -> str:
        """Execute a run: the body of the workflow of that name."""
        with self._lock:
            self._busy.add(run_id)
        try:
            if self.stopping.is_set():
                return self._give_back(run_id)
            run = attempts.begin(self.settings, self.id, run_id)
            if run is None:
                return "nothing to do"
            log.info("run %s: attempt %s of %s for %s", run.id, run.attempt, run.template, run.user)
            try:
                outcome = Supervisor(self.settings, run, self._starter, self.stopping).execute()
            except Exception as problem:
                log.exception("run %s: attempt %s broke", run.id, run.attempt)
                reason = (
                    str(problem)
                    if isinstance(problem, TradewindError)
                    else "The worker could not execute it."
                )
                attempts.end(self.settings, run.id, run.attempt, Outcome.FAILED, error=reason)
                return Outcome.FAILED.value
            log.info("run %s: attempt %s ended: %s", run.id, run.attempt, outcome or "superseded")
            if outcome is Outcome.HANDED_OVER:
                return self._give_back(run_id)
            return outcome.value if outcome else "superseded"
        finally:
            with self._lock:
                self._busy.discard(run_id)

    def _give_back(self, run_id: str) -> str:
        # Returning or raising would end the workflow. It stays pending under this executor's name, which the
        # end of
        # this process, or the reaper of another one, gives back to the queue.
        with self._lock:
            self._busy.discard(run_id)
        threading.Event().wait()
        return ""

    def tick(self, schedule_id: str, generation: int) -> str:
        """Fire a schedule: the body of the workflow of that name."""
        for pause in (1, 5, 30, 60, 120, 0):
            try:
                return schedules.fire(self.settings, schedule_id, generation) or ""
            except sa.exc.SQLAlchemyError:
                log.exception("schedule %s: the database failed", schedule_id)
                if self.stopping.wait(pause):
                    return self._give_back(schedule_id)
        return "given up"

    # -- life

    def launch(self) -> None:
        """Enter the list of workers and start to take work."""
        engine = ready(self.settings)
        now = rows.now()
        with engine.begin() as connection:
            connection.execute(
                workers.insert().values(
                    id=self.id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    state=WorkerState.ACTIVE.value,
                    started_at=now,
                    beat_at=now,
                )
            )
        config: DBOSConfig = {
            "name": queue.APPLICATION,
            "system_database_engine": engine,
            "system_database_url": queue.nominal_url(engine),
            "dbos_system_schema": queue.SCHEMA,
            "executor_id": self.id,
            "application_version": queue.VERSION,
            "serializer": queue.serializer(),
            "log_level": "WARNING",
            "use_listen_notify": False,
            "run_migrations": False,
            "max_executor_threads": 64,
        }
        DBOS(config=config)
        DBOS.listen_queues([queue.RUNS, queue.CONTROL])
        DBOS.launch()
        settings = self.settings
        DBOS.register_queue(
            queue.RUNS,
            worker_concurrency=settings.worker_concurrency,
            partition_concurrency=settings.runs_per_user,
            polling_interval_sec=queue.POLL_SECONDS,
            on_conflict="always_update",
        )
        DBOS.register_queue(
            queue.CONTROL,
            worker_concurrency=16,
            polling_interval_sec=queue.POLL_SECONDS,
            on_conflict="always_update",
        )
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        threading.Thread(target=self._reap_forever, name="reaper", daemon=True).start()
        self._starter.warm()
        log.info("worker %s takes work", self.id)

    def wait(self) -> None:
        """Stay until the engine is told to stop or has drained."""
        while not self._done.wait(0.5):
            if self.stopping.is_set():
                self._hand_over()
            elif self.draining.is_set():
                self._drain()

    def stop(self, *_signal: object) -> None:
        """End soon: runs are stopped and go back to the queue."""
        self.stopping.set()

    def drain(self, *_signal: object) -> None:
        """Take no more work, finish what runs, then end."""
        self.draining.set()

    def _stop_taking(self) -> None:
        # What DBOS.destroy does first; the rest of it would also tear down what is still running.
        for event in _get_dbos_instance().background_thread_stop_events:
            event.set()

    def _drain(self) -> None:
        log.info("worker %s drains", self.id)
        self._stop_taking()
        self._say(WorkerState.DRAINING)
        time.sleep(2 * queue.POLL_SECONDS)
        while self._working() and not self.stopping.wait(0.2):
            pass
        if self.stopping.is_set():
            self._hand_over()
        self._leave()

    def _hand_over(self) -> None:
        log.info("worker %s stops", self.id)
        self._stop_taking()
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while self._working() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._leave()

    def _working(self) -> bool:
        with self._lock:
            return bool(self._busy)

    def _leave(self) -> None:
        self._done.set()
        with suppress(sa.exc.SQLAlchemyError):
            DBOS._recover_pending_workflows([self.id])
            with ready(self.settings).begin() as connection:
                connection.execute(sa.delete(workers).where(workers.c.id == self.id))
        log.info("worker %s has left", self.id)

    def _say(self, state: WorkerState) -> None:
        with suppress(sa.exc.SQLAlchemyError), ready(self.settings).begin() as connection:
            connection.execute(
                sa.update(workers)
                .where(workers.c.id == self.id)
                .values(state=state.value, beat_at=rows.now())
            )

    # -- heartbeat and reaper

    def _beat(self) -> None:
        while not self._done.wait(self.settings.run_lease_seconds / 3):
            self._say(WorkerState.DRAINING if self.draining.is_set() else WorkerState.ACTIVE)

    def _reap_forever(self) -> None:
        while not self._done.wait(self.settings.run_lease_seconds / 3):
            try:
                self.reap()
            except Exception:
                log.exception("the reaper failed; it tries again")

    def reap(self) -> None:
        """Hand on what dead executors left, end runs the job engine gave up, set lost timers again."""
        engine = ready(self.settings)
        now = rows.now()
        lease = timedelta(seconds=self.settings.run_lease_seconds)
        with engine.connect() as connection:
            dead = set(
                connection.execute(sa.select(workers.c.id).where(workers.c.beat_at < now - lease)).scalars()
            )
            listed = set(connection.execute(sa.select(workers.c.id)).scalars())
            open_workers = (
                sa.select(attempts_table.c.worker).where(attempts_table.c.ended_at.is_(None)).distinct()
            )
            unlisted = set(connection.execute(open_workers).scalars()) - listed
        self.recover(*(dead | unlisted))
        schedules.rearm(self.settings, now - 2 * lease)
        self._bury(now - 2 * lease)

    def ids_of(self, pid: str) -> list[str]:
        """Return the executors that were this process of this host."""
        if not pid.isdigit():
            return []
        here = sa.select(workers.c.id).where(
            workers.c.host == socket.gethostname(), workers.c.pid == int(pid)
        )
        with ready(self.settings).connect() as connection:
            return list(connection.execute(here).scalars())

    def recover(self, *dead: str) -> None:
        """Give the work of dead executors back to the queue."""
        gone = [name for name in dead if name and name != self.id]
        if not gone:
            return
        found = DBOS._recover_pending_workflows(gone)
        log.warning("workers %s are gone; %s of their runs go on elsewhere", ", ".join(gone), len(found))
        with ready(self.settings).begin() as connection:
            connection.execute(sa.delete(workers).where(workers.c.id.in_(gone)))

    def _bury(self, before: object) -> None:
        """End runs whose workflow has failed for good; they would stay open for ever."""
        engine = ready(self.settings)
        open_states = [status.value for status in RunStatus if not status.final]
        with engine.connect() as connection:
            query = sa.select(runs.c.id).where(runs.c.status.in_(open_states), runs.c.queued_at < before)
            held = list(connection.execute(query.limit(500)).scalars())
        if not held:
            return
        found = queue.client(engine).list_workflows(workflow_ids=held, load_input=False, load_output=False)
        alive = {status.workflow_id for status in found if status.status in _HELD}
        for run_id in set(held) - alive:
            log.error("run %s is open but the job engine holds nothing for it", run_id)
            attempts.give_up(self.settings, run_id, "The job engine gave this run up.")


_engine: Engine | None = None


def current() -> Engine:
    """Return the engine of this process."""
    if _engine is None:
        raise RuntimeError("no engine was started in this process")
    return _engine


@DBOS.workflow(name=queue.RUN_WORKFLOW, max_recovery_attempts=None)
def run_workflow(run_id: str) -> str:
    """One run; executed again from its start whenever its executor dies."""
    return current().run(run_id)


@DBOS.workflow(name=queue.TICK_WORKFLOW, max_recovery_attempts=None)
def tick_workflow(schedule_id: str, generation: int) -> str:
    """One firing of a schedule."""
    return current().tick(schedule_id, generation)


def main(dead: str = "") -> None:
    """Run an engine in this process until it is stopped.

    Parameters
    ----------
    dead
        The process id of an engine on this host that is known to have died; its work is taken over at once.
    """
    global _engine  # noqa: PLW0603  the job engine's workflows are plain functions
    _engine = engine = Engine(load_settings())
    signal.signal(signal.SIGTERM, engine.stop)
    signal.signal(signal.SIGINT, engine.stop)
    signal.signal(signal.SIGUSR1, engine.drain)
    engine.launch()
    engine.recover(*engine.ids_of(dead))
    engine.reap()
    engine.wait()
    os._exit(0)  # threads that gave their run back wait for ever
