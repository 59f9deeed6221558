# SPDX-License-Identifier: Apache-2.0
"""The C files of the tree, and their text without comments and literals. Used by tests/lint."""
import functools
import os
import re

# LINT_TOP: another tree, for the test of the rules themselves.
TOP = os.environ.get("LINT_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*folders, ends=(".c", ".h", ".def")):
    """Paths below the folders, relative to the top, sorted."""
    found = []
    for folder in folders:
        for where, _, names in os.walk(os.path.join(TOP, folder)):
            found += [os.path.relpath(os.path.join(where, n), TOP) for n in names if n.endswith(ends)]
    return sorted(found)


@functools.lru_cache(maxsize=None)
def text(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def strip(source):
    """Comments and literals blanked out; lines stay where they are. Includes keep their name."""
    def blank(match):
        word = match[0]
        if word[0] == '"' and source[source.rfind("\n", 0, match.start()) + 1:].startswith("#include"):
            return word
        return re.sub(r"[^\n]", " ", word)

    return NOISE.sub(blank, source)


@functools.lru_cache(maxsize=None)
def code(path):
    return strip(text(path))


def find(paths, pattern):
    """["path:line: text"] of the lines of code that match."""
    expression = re.compile(pattern)
    return [f"{path}:{n}: {line.strip()}" for path in paths
            for n, line in enumerate(code(path).splitlines(), 1) if expression.search(line)]
