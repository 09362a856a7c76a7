"""For all tests: a place for made puzzles, and a fake language model behind an OpenAI-compatible endpoint."""

import functools
import getpass
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however long a busy machine takes over them.
settings.register_profile("redraft", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("redraft")
os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported: what is written for a GPU is interpreted here
# PyTorch keeps generated code without asking for which instructions: code for others does not compile.
CAPABILITY = os.environ.get("ATEN_CPU_CAPABILITY", "native")
GENERATED = f"redraft-inductor-{getpass.getuser()}-{CAPABILITY}"
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / GENERATED))
if seed := os.environ.get("REDRAFT_TEST_LIBRARY"):
    from helpers import library

    LIBRARY = library.install(int(seed))

if TYPE_CHECKING:
    from redraft.export.export import ExportReport

Answer = tuple[int, dict[str, str], bytes]
Exports = Callable[[str], "tuple[Path, ExportReport]"]


class FakeModel:
    """Answers every prompt by `reply(prompt)`: a text, or status, headers and content.

    `prompts` and `headers` are what it was sent; `bodies` all of it.
    """

    def __init__(self) -> None:
        self.reply: Callable[[str], str | Answer] = lambda prompt: "I cannot."
        self.usage: dict[str, Any] | None = {"prompt_tokens": 100, "completion_tokens": 50}
        self.finish = "stop"
        self.hangs = threading.Event()  # until it is set, where `hang` waits for it
        self.trickle = 0.0  # seconds between the bytes of an answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.url = ""

    @property
    def prompts(self) -> list[str]:
        return [body["messages"][0]["content"] for body in self.bodies]

    def hang(self, prompt: str) -> str:
        self.hangs.wait(30)
        return "too late"

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        self.paths.append(path)
        self.headers.append(headers)
        self.bodies.append(body)
        said = self.reply(body["messages"][0]["content"])
        if not isinstance(said, str):
            return said
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return 200, {}, json.dumps({"choices": [choice], "usage": self.usage}).encode()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `gpu` are skipped where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs CUDA")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Tests of signals hold wherever they run: a shell starts what it puts into the background with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made puzzles are kept for the other tests, not for the user who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What redraft notes for the user who runs the tests stays apart from what it notes for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    """Models compute in float64, so that rounding, which differs from library to library, decides nothing."""
    from helpers.rounding import in_float64  # imports torch, which most tests of tasks do without

    with in_float64(kernels=True):
        yield


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeModel]:
    """A fake model that is listening at `model.url`."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeModel()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the screen."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, content = fake.answer(self.path, dict(self.headers), body)
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                pieces = [content] if not fake.trickle else [bytes([byte]) for byte in content]
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(fake.trickle)
            except OSError:
                pass  # the other side has gone away

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield fake
    finally:
        fake.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Bundled weights by their name: the folder they are exported into, and what came of it; each but once."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    from redraft.export.export import export
    from redraft.solve.load import open_weights

    folder = tmp_path_factory.mktemp("exports")

    @functools.cache
    def exported(name: str) -> "tuple[Path, ExportReport]":
        return folder / name, export(open_weights(name), folder / name, name=name, count=4, seed=1)

    return exported


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of a tiny untrained model for 4x4 Sudoku."""
    from redraft.models import TRMConfig, build_model
    from redraft.weights.io import save_weights

    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
        puzzle_positions=0,
    )  # fmt: skip
    card = {"summary": "tiny\nand untrained"}
    save_weights(tmp_path / "weights", build_model(config), task="sudoku-4x4", card=card)
    return tmp_path / "weights"
