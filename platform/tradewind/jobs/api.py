"""What the service and the shell of an administrator call: runs, schedules and templates of one installation.

Every function takes the settings first and works on the platform's database in this process. Who may do what
is decided by the caller. Errors are those of :mod:`tradewind.errors`.
"""

from tradewind.jobs.model import Attempt, Run, RunFilter, Schedule, Source, WorkerState
from tradewind.jobs.notebooks import Request, check
from tradewind.jobs.parameters import Parameter
from tradewind.jobs.runs import (
    attempts_of,
    busy,
    cancel,
    count_runs,
    delete,
    folder,
    get,
    list_runs,
    live_workers,
    log_file,
    result_file,
    result_files,
    result_folder,
    submit,
)
from tradewind.jobs.schedules import change as change_schedule
from tradewind.jobs.schedules import create as create_schedule
from tradewind.jobs.schedules import delete as delete_schedule
from tradewind.jobs.schedules import get as get_schedule
from tradewind.jobs.schedules import hand_over, list_schedules, run_now, runs_of
from tradewind.jobs.schedules import pause as pause_schedule
from tradewind.jobs.schedules import resume as resume_schedule
from tradewind.jobs.templates import Template, all_templates
from tradewind.jobs.templates import load as load_template
from tradewind.jobs.templates import read as read_notebook

__all__ = [
    "Attempt", "Parameter", "Request", "Run", "RunFilter", "Schedule", "Source", "Template", "WorkerState",
    "all_templates", "attempts_of", "busy", "cancel", "change_schedule", "check", "count_runs",
    "create_schedule",
    "delete", "delete_schedule", "folder", "get", "get_schedule", "hand_over", "list_runs", "list_schedules",
    "live_workers",
    "load_template", "log_file", "pause_schedule", "read_notebook", "result_file",
    "result_files", "result_folder", "resume_schedule", "run_now", "runs_of", "submit",
]  # fmt: skip
