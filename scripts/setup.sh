# Sourced by the other scripts: a virtual environment in .venv with redraft and all that its development needs.
# Does nothing where that is in place already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stamp=.venv/.installed
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { echo "redraft needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
    "${PYTHON:-python3}" -m venv .venv
    # PyTorch first and by its exact version, so that nothing else chooses another build of it.
    .venv/bin/pip install --quiet "$(grep '^torch==' constraints.txt)"
    .venv/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'
    touch "$stamp"
fi
