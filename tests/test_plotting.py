"""The picture of an evaluation."""

import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from redraft.errors import ConfigError, RedraftError
from redraft.evaluate.evaluate import Records
from redraft.evaluate.report import report
from redraft.plotting import plot_steps, require_picture

pytest.importorskip("matplotlib")

RIGHT = np.array([[False, True], [False, False]])
FIGURES = report(
    Records(
        exact=RIGHT,
        solved=RIGHT,
        cells=RIGHT.astype(np.float32),
        halt_logit=np.where(RIGHT, 1, -1).astype(np.float32),
        halts=RIGHT,
        ratings=np.full(2, np.nan, np.float32),
        grades=RIGHT[:, -1].astype(np.int8),
        grade_names=("broken", "solved"),
    )
)


def test_png(tmp_path: Path) -> None:
    plot_steps(FIGURES, tmp_path / "steps.png", title="a title")
    data = (tmp_path / "steps.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert min(struct.unpack(">II", data[16:24])) > 300
    assert [path.name for path in tmp_path.iterdir()] == ["steps.png"]


def test_svg(tmp_path: Path) -> None:
    plot_steps(FIGURES, tmp_path / "steps.svg", title="right & <wrong>")
    assert ElementTree.parse(tmp_path / "steps.svg").getroot().tag.endswith("svg")


def test_one_step(tmp_path: Path) -> None:
    one = {**FIGURES, "by_step": FIGURES["by_step"][:1]}
    plot_steps(one, tmp_path / "one.png", title="")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_places_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"steps\.pdf: .*\.png.*\.svg"):
        require_picture(tmp_path / "steps.pdf")
    with pytest.raises(RedraftError, match=r"folder.*nowhere"):
        plot_steps(FIGURES, tmp_path / "nowhere" / "steps.png", title="")
    assert not list(tmp_path.iterdir())
