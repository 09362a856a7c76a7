"""What others report."""

from redraft.compare.llm.reported import REPORTED, reported_for
from redraft.tasks import get_task


def test_only_of_the_task() -> None:
    assert reported_for(get_task("sudoku-6x6")) == []
    maze = {each.model: each.share for each in reported_for(get_task("maze-30x30"))}
    assert maze["TRM, attention"] == 0.853 and maze["o3-mini-high"] == 0
    arc = {(each.model, each.data): each.share for each in reported_for(get_task("arc"))}
    assert arc["Grok-4-thinking", "ARC-AGI-2 (2 tries)"] == 0.16
    assert not any("Sudoku" in data for _, data in arc)


def test_every_figure_has_its_source_once() -> None:
    assert all(0 <= each.share <= 1 and each.source for each in REPORTED)
    assert len({(each.model, each.data) for each in REPORTED}) == len(REPORTED)
