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

    remove_list_elements_as_dynamodb_does()
    sys.argv = ["ministack"]
    serve()


def remove_list_elements_as_dynamodb_does():
    """DynamoDB takes the indexes of one REMOVE from the list as it was before. The engine (1.5.33) removes one after the other,
    and each removal shifts those behind it; from the last to the first it comes to the same."""
    from ministack.services import dynamodb

    def remove(item, tokens, attr_names, updated_attrs):
        paths = [dynamodb._parse_path_from_tokens(part, attr_names) for part in dynamodb._split_by_comma(tokens)]
        # Names and indexes do not compare with each other.
        place = lambda path: [(isinstance(step, int), step if isinstance(step, int) else 0, str(step)) for step in path]
        for path in sorted(filter(None, paths), key=place, reverse=True):
            updated_attrs.add(tuple(path))
            dynamodb._remove_at_path(item, path)

    dynamodb._apply_remove = remove


def end_with_standard_input():
    while sys.stdin.buffer.read(4096):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
