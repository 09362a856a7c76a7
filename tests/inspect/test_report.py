"""The report is one file that needs nothing else, and a browser draws it."""

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from redraft.inspect.inspection import Inspection
from redraft.inspect.report import embedded, page_data, report
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)


class Page(HTMLParser):
    """What a page is made of: the tags it opens and closes, what they refer to, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.opened.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)


def unpacked(text: str) -> list[int]:
    return list(base64.b64decode(text))


def test_the_report_is_one_sound_file(inspection: Inspection) -> None:
    text = report(inspection)
    page = Page(text)
    assert page.loads == [], "nothing is loaded"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(|fetch\(|XMLHttp|WebSocket", text)
    assert "default-src 'none'" in text, "and nothing may be"
    assert page.opened.count("script") == page.closed.count("script") == 2, "data and program; no text makes another"
    assert json.loads(page.scripts[0])["place"] == "</script><script>fail(</script>"
    assert json.loads(page.scripts[0])["weights"] == "<weights> {{SCRIPT}}"
    assert "<title>&lt;weights&gt; {{SCRIPT}}: looking inside</title>" in text
    assert text.count('class="stage"') == 1 and not re.search(r"\{\{(STYLE|DATA|TITLE)\}\}", text)


def test_embedded_text_cannot_leave_its_element() -> None:
    values = {"a": "</script><!-- \u2028", "b": [1.5, None]}
    assert "<" not in embedded(values) and embedded(values).isascii()
    assert json.loads(embedded(values)) == values
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"a": float("nan")})


def test_the_page_is_told_what_was_found(inspection: Inspection) -> None:
    data = page_data(inspection)
    ends = [frame for frame in data["frames"] if frame["end"]]
    assert [frame["step"] for frame in ends] == [0, 1, 2, 3]
    assert len(data["frames"]) == 1 + 3 * 6, "the question, then T (n + 1) evaluations a step"
    for frame, draft, step in zip(ends[1:], inspection.drafts, inspection.trace.steps, strict=True):
        shown = [data["glyphs"][glyph][0] or "·" for glyph in unpacked(frame["y"])]
        assert shown == np.array(TASK.symbols(draft.grid)).ravel().tolist()
        assert np.abs(np.array(unpacked(frame["ySure"])) - 255 * step.y.confidence).max() <= 0.5
        assert unpacked(frame["wrong"]) == draft.broken.astype(int).ravel().tolist()
        likely, shares = (np.array(unpacked(frame[name])).reshape(16, 4) for name in ("likely", "shares"))
        assert (likely[:, 0] == step.y.tokens).all() and (np.diff(shares.astype(int), axis=1) <= 0).all()
        assert frame["residual"] == pytest.approx(step.residual, abs=1e-6)
    given = inspection.question != 0
    assert unpacked(data["given"]) == given.astype(int).ravel().tolist()
    assert inspection.influence is not None
    assert data["influence"]["cells"] == np.flatnonzero(given).tolist()
    assert (data["attention"]["layers"], data["attention"]["heads"], set(data["attention"]["steps"])) == (
        (2, 2, {"1", "2", "3"})
    )
    land = data["landscape"]
    assert len(land["right"]) == len(land["z"]["points"]) == 100
    assert np.array(land["y"]["points"]).min() >= 0 and np.array(land["y"]["own"]).max() <= 10000


def test_numbers_are_json(inspection: Inspection) -> None:
    found = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
    assert found["question"] == TASK.format(inspection.question) and len(found["steps"]) == 3
    step = found["steps"][0]
    assert np.array(step["y"]["probabilities"]).shape == (16, 6) and len(step["evaluations"]) == 6
    assert np.array(step["attention"]).shape == (2, 2, 16, 16)
    assert step["differs"] is not None and found["landscape"]["y"]["explained"][0] > 0


def test_verdicts(inspection: Inspection) -> None:
    assert re.match("not solved .*3 steps: ", inspection.verdict)
    wrong, (first, *_) = replace(inspection.drafts[0]), inspection.drafts
    right = replace(first, verdict=TASK.check(inspection.question, inspection.answer))  # type: ignore[arg-type]
    assert re.match("solved .*step 2 .*rules", replace(inspection, drafts=[wrong, right]).verdict)
    assert re.match("not solved .*step 1$", replace(inspection, drafts=[right, wrong]).verdict)
    unknown = replace(first, verdict=None, differs=None)
    assert re.search("sudoku-4x4 .*no rules", replace(inspection, drafts=[unknown]).verdict)
    labelled = replace(unknown, differs=np.zeros((4, 4), bool))
    assert re.match("solved .*step 1 .*known answer", replace(inspection, drafts=[labelled]).verdict)


def test_pictures(inspection: Inspection, tmp_path: Path) -> None:
    assert inspection.save(tmp_path / "a.gif").read_bytes().startswith(b"GIF89a")
    assert inspection.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert inspection.save(tmp_path / "a.svg").read_text().count("step ") >= 1


def dumped(file: Path, fragment: str, profile: Path) -> str:
    """The page as a headless browser has made it."""
    assert BROWSER is not None
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --allow-file-access-from-files --virtual-time-budget=3000"
    )
    command = [BROWSER, *flags.split(), f"--user-data-dir={profile}", "--dump-dom", f"{file.as_uri()}{fragment}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)}")
def test_a_browser_draws_the_report(inspection: Inspection, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(inspection))
    for fragment, step in (("", 3), ("#step=2", 2), ("#step=0", 0)):
        shown = dumped(file, fragment, tmp_path / "profile")
        opened = re.search(r"<html[^>]*>", shown)
        assert opened is not None
        found = dict(re.findall(r'data-(\w+)="([^"]*)"', opened[0]))
        grid = inspection.drafts[step - 1].grid if step else inspection.question
        board = "".join(symbol for row in TASK.symbols(grid) for symbol in row)
        assert found == {"steps": "3", "step": str(step), "board": board}, "an error is told as data-error"
        assert shown.count('class="held"') == 3, "three boards"
        assert shown.count('class="line ') == 6 and shown.count('class="way ') == 101, "curves and ways"
    assert "&lt;weights&gt; {{SCRIPT}}" in shown
    within = dumped(file, "#step=2&evaluation=4", tmp_path / "profile")
    assert 'data-step="2"' in within and re.search(r"\b4 of 6 \w+ z\b", within)
    assert "data-error" not in within
