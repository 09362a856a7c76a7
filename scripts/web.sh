#!/usr/bin/env bash
# Checks the types of the page and of redraft-js, that the page in the package is what web/ builds, and runs their tests in
# Node and in Chromium. Installs Node and Chromium by the system's packages where they are missing and it may.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v npm > /dev/null || missing+=(nodejs npm)
[[ -n "${CHROMIUM:-}" || -x /usr/bin/chromium ]] || missing+=(chromium)
if ((${#missing[@]})); then
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

cd web
npm ci --silent
npm run --silent build > /dev/null
git diff --exit-code --stat -- ../src/redraft/serve/page || { echo "the page differs from its sources: commit what npm run build wrote" >&2; exit 1; }
npm test --silent
