"""The page's files: with which headers they are served, compressed or not, and written for another host."""

import gzip
import json
import re
from pathlib import Path

import pytest
from helpers.serving import Client, Gated, Served, served, serving

from redraft.cli import main
from redraft.errors import ConfigError
from redraft.serve import page
from redraft.serve.limits import Limits
from redraft.serve.page import PageFile, merged_index, page_files, write_page

LIMITS = Limits()
WASM = b"\0asm" + bytes(1000)
FOUR = {
    "name": "sudoku-4x4",
    "title": "Sudoku 4x4",
    "folder": "models/sudoku-4x4",
    "summary": "s",
    "puzzles": {"easy": ["x"]},
}
SIX = {**FOUR, "name": "sudoku-6x6", "folder": "models/sudoku-6x6"}
BUNDLED = [SIX, FOUR]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    for name, content in {
        "index.html": b"<!doctype html><title>page</title>",
        "assets/app.js": b"export {}",
        "assets/ort.wasm.gz": gzip.compress(WASM),
        "manifest.webmanifest": b"{}",
        "models/index.json": json.dumps({"models": BUNDLED}).encode(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def exported(folder: Path) -> Served:
    folder.mkdir()
    found = served(Gated(), LIMITS, folder)
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "starts.f32").write_bytes(b"")
    return found


def test_files_are_served_with_headers_that_keep_the_page_to_itself(built: Path) -> None:
    with serving([], LIMITS, built=built) as client:
        for path, kind in {
            "/": "text/html",
            "/index.html": "text/html",
            "/assets/app.js": "text/javascript",
            "/assets/ort.wasm": "application/wasm",
            "/manifest.webmanifest": "application/manifest+json",
            "/models/index.json": "application/json",
        }.items():
            got = client.get(path)
            assert got.status == 200 and got.headers["content-type"].partition(";")[0] == kind
            for name, value in page.SECURITY.items():
                assert got.headers[name.lower()] == value
            assert got.headers["x-content-type-options"] == "nosniff"
        assert client.get("/assets").status == client.get("/assets/ort.wasm.gz").status == 404
        assert client.ask("POST", "/index.html").status == 405
        assert client.ask("HEAD", "/").body == b""


def test_compressed_files_come_as_the_client_takes_them(built: Path) -> None:
    with serving([], LIMITS, built=built) as client:
        for accepts, packed in (
            ("gzip, br", True),
            ("br, GZIP;q=0.5", True),
            ("*", True),
            ("gzip;q=0", False),
            ("", False),
        ):
            got = client.get("/assets/ort.wasm", Accept_Encoding=accepts)
            assert (got.headers.get("content-encoding") == "gzip") == packed
            assert (gzip.decompress(got.body) if packed else got.body) == WASM
            assert got.headers["vary"] == "Accept-Encoding"


def test_what_a_client_has_is_not_sent_again(built: Path) -> None:
    with serving([], LIMITS, built=built) as client:
        first = client.get("/assets/app.js")
        again = client.get("/assets/app.js", If_None_Match=first.headers["etag"])
        assert again.status == 304 and again.body == b""
        assert client.get("/assets/app.js", If_None_Match='"other"').status == 200
        packed = client.get("/assets/ort.wasm", Accept_Encoding="gzip").headers["etag"]
        assert packed != client.get("/assets/ort.wasm").headers["etag"]


def test_without_a_page_there_is_a_text_that_says_so(tmp_path: Path) -> None:
    with serving([], LIMITS, built=tmp_path / "none") as client:
        got = client.get("/")
        assert got.status == 200 and b"/v1" in got.body and b"web/" in got.body
    with pytest.raises(ConfigError):
        write_page(tmp_path / "out", page_files(built=tmp_path / "none"))
    assert not (tmp_path / "out").exists()


def test_exported_models_are_offered_by_the_page(built: Path, tmp_path: Path) -> None:
    one = exported(tmp_path / "mine")
    other = served(Gated(), LIMITS, tmp_path)  # weights alone, which no browser runs
    files = page_files([one, other], built=built)
    assert files["models/gated/model.onnx"].content == b"graph"
    index = json.loads(files["models/index.json"].content)
    first = index["models"][0]
    assert [each["name"] for each in index["models"]] == ["gated", "sudoku-6x6", "sudoku-4x4"] and "api" not in index
    assert f"{first['folder']}/config.json" in files and f"{first['folder']}/starts.f32" in files
    assert set(first) == set(FOUR) and first["puzzles"] == FOUR["puzzles"]
    assert json.loads(page_files(api=True, built=built)["models/index.json"].content) == {
        "models": BUNDLED,
        "api": True,
    }


def test_an_exported_model_takes_the_place_of_a_bundled_one_of_its_name(tmp_path: Path) -> None:
    index = merged_index([{**FOUR, "name": "gated", "title": "old"}, SIX], [exported(tmp_path / "mine")])
    assert [(each["name"], each["title"]) for each in index] == [("gated", "gated"), ("sudoku-6x6", "Sudoku 4x4")]


def test_the_page_of_this_installation_is_whole(client: Client) -> None:
    if not (page.BUILT / "index.html").is_file():
        pytest.skip("the page is not built")
    worker = client.get("/sw.js").body.decode()
    [names] = [json.loads(found) for found in re.findall(r"\[\"\./\".*?\]", worker)]
    assert all(client.get(f"/{name.removeprefix('./')}").status == 200 for name in names)
    index = client.get("/models/index.json").json
    for each in index["models"]:
        for name in ("config.json", "model.onnx"):
            assert client.get(f"/{each['folder']}/{name}").status == 200


def test_the_page_is_written_decompressed_for_any_host(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # a page of ours is written over
        write_page(out, page_files(built=built))
        assert (out / "assets" / "ort.wasm").read_bytes() == WASM
    written = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert written == set(page_files(built=built))


def test_nothing_is_written_into_another_folder(built: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("all of it")
    for folder in (tmp_path / "full", tmp_path / "full" / "thesis.txt"):
        with pytest.raises(ConfigError):
            write_page(folder, page_files(built=built))
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_the_command_writes_the_page(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page_files, "__kwdefaults__", {"api": False, "built": built})
    assert main(["serve", "--static", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "index.html").is_file() and str(tmp_path / "out") in capsys.readouterr().err
    assert main(["serve", "--static", str(built.parent)]) == 2


def test_a_file_is_decompressed_once_it_is_wanted() -> None:
    file = PageFile(type="application/wasm", packed=gzip.compress(WASM))
    assert file.content == WASM and file.etag == PageFile(type="x", packed=file.packed).etag
