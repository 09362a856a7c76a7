"""A loss of one's own: what it is given, and that it gives a number for each cell."""

from pathlib import Path

import pytest
import torch

from redraft.errors import ConfigError
from redraft.train.losses import get_loss, stablemax

OWN = """
from redraft.train.losses import stablemax
def right(logits, labels): return stablemax(logits, labels)
def mean(logits, labels): return stablemax(logits, labels).mean()
def number(logits, labels): return 3.0
def other(logits): raise AssertionError("was called")
class Loss: ...
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_losses.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


LOGITS, LABELS = (
    torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)),
    torch.tensor([[0, 1, 2], [3, 0, -100]]),
)


def test_a_loss_of_ones_own() -> None:
    assert torch.equal(get_loss("own_losses:right")(LOGITS, LABELS), stablemax(LOGITS, LABELS))


@pytest.mark.parametrize(("name", "got"), [("mean", r"\(\)"), ("number", "float")])
def test_one_that_gives_something_else(name: str, got: str) -> None:
    loss = get_loss(f"own_losses:{name}")
    with pytest.raises(ConfigError, match=rf"^own_losses:{name}: .*\(2, 3\).* {got}$"):
        loss(LOGITS, LABELS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", "logits, labels"),
        ("Loss", "class Loss"),
        ("none", "module:NAME"),
    ],
)
def test_one_that_is_none(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"own_losses:{name}: .*loss.* {message}"):
        get_loss(f"own_losses:{name}")
