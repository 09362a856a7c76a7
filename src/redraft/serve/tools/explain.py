"""The way to an answer in words: changes and broken rules of each draft, restarts and guesses."""

from __future__ import annotations

import numpy as np

from redraft.serve.service import Work
from redraft.serve.types import ExplainedDraft, ExplainResponse, FilledCell
from redraft.solve.answer import Answer, TraceStep
from redraft.tasks import Grid, Task

SHOWN = 40  # lines; more are cut in the middle


def explain(work: Work) -> ExplainResponse:
    """Explains finished work on one puzzle whose drafts were kept; raises Refused if it took too long."""
    [result] = work.response().results
    answer = work.futures[0].result()
    befores = [answer.question, *(step.grid for step in answer.trace)]
    drafts = [
        _explained(answer, step, before, number)
        for number, (step, before) in enumerate(zip(answer.trace, befores, strict=False), 1)
    ]
    task = work.served.task
    title = "Answer" if answer.done else "Last draft"
    lines = _sentences(task, drafts)
    if len(lines) > SHOWN:
        half = SHOWN // 2
        lines[half:-half] = [f"… {_count(len(lines) - SHOWN, 'line')} left out …"]
    words = "\n".join([_headline(answer), *lines, f"{title}:", task.draw(answer.grid)])
    result = result.model_copy(update={"trace": None})
    return ExplainResponse(task=task.name, weights=work.served.name, result=result, drafts=drafts, words=words)


def _explained(answer: Answer, step: TraceStep, before: Grid, number: int) -> ExplainedDraft:
    task = answer.task
    names = task.token_names if step.guesses else ()
    places = [(*divmod(cell, task.width), names[token]) for cell, token in step.guesses]
    return ExplainedDraft(
        step=number,
        attempt=step.attempt,
        draft=task.format(step.grid),
        halt_probability=round(step.halt_probability, 6),
        changed=int(np.count_nonzero(step.grid != before)),
        wrong=int(task.wrong_cells(answer.question, step.grid).sum()) if task.judges else None,
        message=task.check(answer.question, step.grid).reason if task.judges else "",
        guesses=[FilledCell(row=row + 1, column=column + 1, value=value) for row, column, value in places],
    )


def _headline(answer: Answer) -> str:
    steps = f"{_count(answer.steps, 'step')} and {_count(answer.tries, 'try', 'tries')}"
    if not answer.task.judges:
        return f"{answer.task.name}: {'halted' if answer.done else 'not halted'} after {steps}; no rules can judge it."
    if answer.solved:
        return f"{answer.task.name}: solved after {steps}; the answer keeps all rules."
    return f"{answer.task.name}: not solved after {steps}: {answer.verdict.reason}."


def _sentences(task: Task, drafts: list[ExplainedDraft]) -> list[str]:
    """A line per draft, and one per restart; drafts that change nothing are counted."""
    lines: list[str] = []
    attempt, still = 1, 0
    for draft in drafts:
        restarted = draft.attempt != attempt
        if not draft.changed and not restarted and draft is not drafts[-1]:
            still += 1
            continue
        if still:
            lines.append(f"{_count(still, 'step')} changed nothing.")
        if restarted:
            guessed = "; ".join(f"{guess.value} in row {guess.row}, column {guess.column}" for guess in draft.guesses)
            what = "a guess" if len(draft.guesses) == 1 else f"{len(draft.guesses)} guesses"
            other = "in another view" if (draft.attempt - 1) % len(task.views) else "from another state"
            how = f"with {what}: {guessed}" if guessed else other
            lines.append(f"Restart {draft.attempt - 1}, {how}.")
        judged = f"; {_broken(draft)}" if task.judges else ""
        sure = f"the halting head is {draft.halt_probability:.0%} sure"
        lines.append(f"Step {draft.step}: {_count(draft.changed, 'cell')} changed{judged}; {sure}.")
        attempt, still = draft.attempt, 0
    return lines


def _broken(draft: ExplainedDraft) -> str:
    if not draft.message:
        return "no rule is broken"
    return f"{_count(draft.wrong or 0, 'cell')} wrong ({draft.message})" if draft.wrong else draft.message


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
