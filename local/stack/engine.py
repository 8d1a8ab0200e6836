"""Runs the local engine for as long as whoever started it lives: when standard input ends, so does the engine.

The engine and the functions it starts form one process group, so that none of them stays behind, however the starter ended.
Nothing of value is lost: all state of a local stack is thrown away with it.
"""

import os
import shutil
import signal
import sys
import threading


def main():
    os.setsid()
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


def end_with_standard_input():
    while sys.stdin.buffer.read(4096):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
