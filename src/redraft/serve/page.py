"""The files of the page: what was built from `web/`, and the exported models that are served beside it."""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from redraft.backends.onnx import GRAPH
from redraft.errors import ConfigError
from redraft.files import write_bytes
from redraft.serve.models import Served

BUILT = Path(__file__).parent / "page"
INDEX, MODELS = "index.html", "models/index.json"
OF_A_MODEL = (GRAPH, "config.json", "starts.f32")  # what a browser needs of an exported folder
SECURITY = {
    "Cross-Origin-Opener-Policy": "same-origin",  # these two make threads of WebAssembly possible
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # kept, but validated by its ETag
}
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".onnx": "application/octet-stream",
}
NO_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>redraft</title>
<h1>redraft</h1>
<p>The API is at <code>/v1</code>; <a href="/openapi.json">openapi.json</a> describes it.</p>
<p>The page is not part of this installation. In a checkout, <code>web/</code> says how it is built.</p>
"""


@dataclass(frozen=True, kw_only=True)
class PageFile:
    """A file of the page; `packed` is its content compressed by gzip, where it lies so."""

    type: str
    plain: bytes | None = None
    packed: bytes | None = None

    @cached_property
    def content(self) -> bytes:
        return gzip.decompress(self.packed or b"") if self.plain is None else self.plain

    @cached_property
    def etag(self) -> str:
        return sha256(self.packed or self.content).hexdigest()[:32]


def page_files(models: Sequence[Served] = (), *, api: bool = False, built: Path = BUILT) -> dict[str, PageFile]:
    """Every file of the page by its path, exported models among `models` included; a short text where none is built.

    With `api`, the page has puzzles made by the server that it comes from.
    """
    files: dict[str, PageFile] = {}
    for file in sorted(built.rglob("*")) if built.is_dir() else ():
        if file.is_file():
            path, content = file.relative_to(built).as_posix(), file.read_bytes()
            packed = path.endswith(".gz")
            path = path.removesuffix(".gz")
            files[path] = PageFile(type=_type(path), **{"packed" if packed else "plain": content})
    if INDEX not in files:
        return {INDEX: PageFile(type="text/html", plain=NO_PAGE)}
    exported = [each for each in models if (each.folder / GRAPH).is_file()]
    for each in exported:
        for file in (each.folder / name for name in OF_A_MODEL):
            if file.is_file():
                path = f"models/{each.name}/{file.name}"
                files[path] = PageFile(type=_type(path), plain=file.read_bytes())
    bundled = json.loads(files[MODELS].content)["models"] if MODELS in files else []
    index = {"models": merged_index(bundled, exported), **({"api": True} if api else {})}
    return files | {MODELS: PageFile(type=_type(MODELS), plain=json.dumps(index).encode())}


def merged_index(bundled: Sequence[Mapping[str, Any]], exported: Sequence[Served]) -> list[dict[str, Any]]:
    """The models that the page offers: exported ones, then those it was built with, but for names that occur above.

    An exported model has the puzzles of a bundled one of its task, if there is one.
    """
    puzzles = {each["name"]: each["puzzles"] for each in bundled}
    own = [
        {
            "name": each.name,
            "title": each.name,
            "folder": f"models/{each.name}",
            "summary": each.card().summary,
            "puzzles": puzzles.get(each.task.name, {}),
        }
        for each in exported
    ]
    names = {each["name"] for each in own}
    return own + [dict(each) for each in bundled if each["name"] not in names]


def page_response(file: PageFile) -> Callable[[Request], Any]:
    """The handler for a file: compressed if the client accepts that, status 304 if it has the file already."""

    async def respond(request: Request) -> Response:
        headers = {**SECURITY, "Vary": "Accept-Encoding"}
        packed = file.packed is not None and _accepts_gzip(request.headers.get("accept-encoding", ""))
        headers["ETag"] = etag = f'"{file.etag}{"-gzip" if packed else ""}"'
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(file.packed if packed else file.content, headers=headers, media_type=file.type)

    return respond


def write_page(folder: Path, files: Mapping[str, PageFile]) -> None:
    """Writes the page, decompressed, for any web host; raises ConfigError for a folder that holds something else."""
    if list(files) == [INDEX]:
        raise ConfigError("the page is not part of this installation; in a checkout, web/ says how it is built")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; expected a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MODELS).is_file():
        raise ConfigError(f"{folder}: holds something other than the page; name an empty folder")
    for path, file in sorted(files.items(), key=lambda item: item[0] != MODELS):  # by which it is known as ours
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, file.content)


def _type(path: str) -> str:
    suffix = Path(path).suffix
    return TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def _accepts_gzip(header: str) -> bool:
    for part in header.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
