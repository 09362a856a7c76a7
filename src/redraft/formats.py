"""Names a file by its first bytes, so that an error can state what a file is in place of what it is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

HEAD = 4096  # bytes of a file that are enough to name it

POINTER = "a pointer of Git LFS, not the file itself (git lfs pull fetches it)"
TORCH = "a PyTorch file (torch.save)"
SAFETENSORS = "a safetensors file"
ONNX = "an ONNX model"

# First bytes of files, by what they are; no text that people write begins so.
_BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "a NumPy array (.npy)": (b"\x93NUMPY",),
    "a Parquet table": (b"PAR1",),
    "an Arrow table (Feather)": (b"ARROW1\0", b"FEA1"),
    "an Avro file": (b"Obj\x01",),
    "an ORC table": (b"ORC\n",),
    "a gzip archive": (b"\x1f\x8b",),
    "a compressed file (.Z)": (b"\x1f\x9d",),
    "an xz archive": (b"\xfd7zXZ\0",),
    "a Zstandard archive": (b"\x28\xb5\x2f\xfd",),
    "an LZ4 archive": (b"\x04\x22\x4d\x18",),
    "a 7-Zip archive": (b"7z\xbc\xaf\x27\x1c",),
    "a RAR archive": (b"Rar!\x1a\x07",),
    "an HDF5 file (Keras, h5py)": (b"\x89HDF\r\n\x1a\n",),
    "a MATLAB file": (b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"),
    "an SQLite database": (b"SQLite format 3\0",),
    "a GGUF model (llama.cpp)": (b"GGUF",),
    "a GGML model (llama.cpp)": (b"ggml", b"lmgg", b"tjgg"),
    "a PNG picture": (b"\x89PNG\r\n\x1a\n",),
    "a JPEG picture": (b"\xff\xd8\xff",),
    "a GIF picture": (b"GIF87a", b"GIF89a"),
    "a TIFF picture": (b"II*\0", b"MM\0*"),
    "an icon (.ico)": (b"\0\0\1\0",),
    "a PDF document": (b"%PDF-",),
    "a PostScript document": (b"%!PS",),
    "a rich-text document (RTF)": (b"{\\rtf",),
    "a document of older Microsoft Office (.xls, .doc)": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
    "a program (ELF)": (b"\x7fELF",),
    "a program for Windows": (b"MZ\x90\0",),
    "a program for macOS": (b"\xcf\xfa\xed\xfe",),
    "a Java class, or a program for macOS": (b"\xca\xfe\xba\xbe",),
    "a WebAssembly module": (b"\0asm",),
    "a sound file (MP3)": (b"ID3",),
    "a sound or video file (Ogg)": (b"OggS",),
    "a sound file (FLAC)": (b"fLaC",),
    POINTER: (b"version https://git-lfs", b"version https://hawser"),
    "a pointer of git-annex, not the file itself (git annex get fetches it)": (b"/annex/objects/",),
}
# Of a zip archive, whose members' names stand in clear: by that of the first, or by any in the file's head.
_FIRST_MEMBERS: tuple[tuple[bytes, str], ...] = (
    (rb".*\.npy", "NumPy arrays (.npz)"),
    (rb"[^/]*/(data\.pkl|\.format_version|\.data/.*|byteorder|version)", TORCH),
    (rb"META-INF/.*", "a Java archive (.jar)"),
)
_MEMBERS: tuple[tuple[bytes, str], ...] = (
    (rb"serialized_exported_program\.json|/archive_format", "a program of torch.export (.pt2)"),
    (rb"xl/", "an Excel workbook (.xlsx)"),
    (rb"word/", "a Word document (.docx)"),
    (rb"ppt/", "a PowerPoint document (.pptx)"),
    (rb"opendocument\.spreadsheet", "an OpenDocument spreadsheet (.ods)"),
    (rb"opendocument\.", "an OpenDocument file"),
    (rb"application/epub", "an e-book (.epub)"),
    (rb"model\.weights\.h5", "a Keras model (.keras)"),
    (rb"\[Content_Types\]\.xml", "a document of Microsoft Office (.xlsx, .docx)"),
)
_HTML = re.compile(rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|meta|title|center|h1)\b", re.I | re.S)
_ONNX = re.compile(rb"\x08[\x01-\x1f]\x12[\x01-\x40][ -~]{2}")  # the version, then the producer's name


def describe_format(head: bytes) -> str | None:
    """Names the format of a file by its first `HEAD` bytes, as a noun phrase with its article.

    None for plain text and for unknown formats.

    >>> describe_format(b"PAR1...")
    'a Parquet table'
    """
    if not head:
        return "an empty file"
    for name, beginnings in _BEGINNINGS.items():
        if head.startswith(beginnings):
            return name
    return _container(head) or _pickle(head) or _model(head) or _markup(head)


def describe_file(file: Path) -> str | None:
    """The same for a file on disk, or for a folder. Raises OSError where it cannot be read."""
    if file.is_dir():
        return "a folder"
    with file.open("rb") as opened:
        return describe_format(opened.read(HEAD))


def what_else(file: Path, expected: str) -> str:
    """The reason why a file could not be read as what was `expected` (a noun phrase): its format, or damage.

    Raises OSError where it cannot be read at all.
    """
    found = describe_file(file)
    if found == expected:
        return "is cut off" if found == SAFETENSORS and _is_cut_off(file) else "is damaged"
    if found is None:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
        found = f"text that begins {_begins(head)!r}" if seems_text(head) else "damaged, or of an unknown kind"
    unpack = "; unpack it first" if found.endswith("archive") else ""
    return f"is {found}; expected {expected}{unpack}"


def seems_text(head: bytes) -> bool:
    """Whether the bytes read as text in UTF-8, of which the last character may be cut off."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)


def _begins(head: bytes, most: int = 40) -> str:
    text = " ".join(head[: 4 * most].decode("utf-8", "ignore").split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _is_cut_off(file: Path) -> bool:
    """Whether a safetensors file is shorter than its header states."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = opened.read(length)
    try:
        entries = json.loads(header)
        data = max((entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"), default=0)
    except (ValueError, LookupError, TypeError, AttributeError):
        return len(header) < length
    return bool(file.stat().st_size < 8 + length + data)


def _container(head: bytes) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        names = [name for pattern, name in _FIRST_MEMBERS if re.fullmatch(pattern, first)]
        names += [name for pattern, name in _MEMBERS if re.search(pattern, head)]
        return names[0] if names else "a zip archive"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "a bzip2 archive"
    if head.startswith(b"RIFF") and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return "a WebP picture" if head[8:12] == b"WEBP" else "a sound or video file"
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "a bitmap picture (BMP)"
    if head[4:8] == b"ftyp":
        return "a HEIF picture" if head[8:12] in (b"heic", b"heix", b"mif1", b"avif") else "a video file (MP4)"
    if head[16:20] == b"\xde\xc0\xef\xbe":
        return "an LMDB database"
    return None


def _pickle(head: bytes) -> str | None:
    if head.startswith(b"\x80") and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        is_torch = head[2:].startswith(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19")  # its magic number, as before torch 1.6
        return TORCH if is_torch else "a Python pickle"
    return "a Python pickle" if re.match(rb"\(?[dl]p0?\d*\n|ccopy_reg\n", head) else None


def _model(head: bytes) -> str | None:
    length = int.from_bytes(head[:8], "little")
    if len(head) > 8 and head[8:9] == b"{" and 2 <= length < 1 << 32:
        return SAFETENSORS
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if _ONNX.match(head):
        return ONNX
    if re.match(rb"\x08\x01\x12[\x80-\xff]", head):
        return "a TensorFlow SavedModel"
    return None


def _markup(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HTML.match(text):
        return "a web page (HTML)"
    if text.startswith(b"<svg"):
        return "an SVG picture"
    if text.startswith(b"<?xml"):
        if re.search(rb"<html\b", text, re.I):
            return "a web page (HTML)"
        return "an SVG picture" if b"<svg" in text else "an XML document"
    if re.match(rb'\{\s*"', text):
        if b'"weight_map"' in text:
            return "an index of a model in several files (JSON)"
        return "a notebook (.ipynb)" if re.match(rb'\{\s*"(?:cells|nbformat|metadata)"\s*:\s*[\[{]', text) else "JSON"
    return None
