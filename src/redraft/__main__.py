"""`python -m redraft`."""

import atexit
import os
import sys

if not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:
    del sys.path[0]  # `python -m` puts the current folder first, where its files would hide installed modules

from redraft.cli import main

status = main()
if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    # One of several processes: about one in fifty is aborted as it ends, its work done, by what torch's process groups
    # leave to be torn down with the interpreter (seen with torch 2.13 and gloo). It is not torn down, then.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
sys.exit(status)
