"""Jobs: the instructions of a worker for a run, and the jobs that a plan still has to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from redraft.ablate.plan import Plan, PlannedRun
from redraft.ablate.pool import Pool
from redraft.ablate.transfer import require_movable
from redraft.data.build import task_of
from redraft.errors import RedraftError
from redraft.solve import load
from redraft.tasks import get_task
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.folder import STATE
from redraft.trust import given, names_in

TEST = "test"  # in a result: the run's own test data


@dataclass(frozen=True, kw_only=True)
class Exam:
    """Puzzles to judge a trained model on, besides its own test data."""

    task: str
    source: str

    @property
    def key(self) -> str:
        """What a result knows it by."""
        return f"{self.task} {self.source}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to train and judge: its folder, what it may spend, and on what."""

    folder: Path
    config: RunConfig
    exams: tuple[Exam, ...] = ()
    seconds: float | None = None
    threads: int = 1
    device: str = "auto"
    trust: bool | Sequence[str] = ()  # what its process may run of the code that files name, as in `redraft.trust`

    def to_json(self) -> str:
        """The job on one line."""
        values = {**vars(self), "folder": str(self.folder), "config": run_to_dict(self.config)}
        return json.dumps({**values, "exams": [asdict(exam) for exam in self.exams]})

    @staticmethod
    def from_json(text: str) -> Job:
        """What `to_json` wrote."""
        values = json.loads(text)
        return Job(
            **{
                **values,
                "folder": Path(values["folder"]),
                "config": run_from_dict(values["config"], where="job"),
                "exams": tuple(Exam(**exam) for exam in values["exams"]),
            }
        )


def exams(plan: Plan, row: str) -> dict[str, Exam]:
    """What a row is judged on besides its own test data, by label."""
    task = plan.configs[row].task
    return {label: Exam(task=test.task or task, source=test.source) for label, test in plan.tests.items()}


def is_done(run: PlannedRun, plan: Plan, result: dict[str, Any] | None) -> bool:
    """Whether a run is trained and judged on all that the plan wants."""
    return result is not None and all(exam.key in result["tests"] for exam in exams(plan, run.row).values())


def make_jobs(
    plan: Plan, pool: Pool, runs: Sequence[PlannedRun], *, threads: int, device: str
) -> list[tuple[PlannedRun, Job]]:
    """The runs of these that are not done, with their jobs; all are looked at before the first is begun.

    Raises ConfigError where a folder holds another run, or where a model does not fit the grids it is to be judged on.
    """
    found, consent = [], given()
    for run in runs:
        pool.require_same(run)
        for exam in exams(plan, run.row).values():
            try:
                require_movable(run.config.model, get_task(exam.task))
            except RedraftError as error:
                raise type(error)(f"suite {plan.suite.name}, row {run.row!r}: {error}") from error
        if not is_done(run, plan, pool.result(run)):
            _require_consent(run, pool)
            found.append(
                (
                    run,
                    Job(
                        folder=pool.of(run),
                        config=run.config,
                        exams=tuple(exams(plan, run.row).values()),
                        seconds=run.seconds,
                        threads=threads,
                        device=device,
                        trust=consent if consent is True else sorted(consent | names_in(run_to_dict(run.config))),
                    ),
                )
            )
    return found


def _require_consent(run: PlannedRun, pool: Pool) -> None:
    """Raises TrustError where the data or the weights that a run begins with name code without consent."""
    task_of(run.config.task, run.config.data.train)
    if run.config.init is not None and not (pool.of(run) / STATE).exists():
        load.task_of(run.config.init)
