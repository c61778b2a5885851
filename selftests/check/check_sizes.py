#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Size report: functions above 60 lines and .c files above 500 fail, unless a comment says why it
is better so: 'size: <reason>' within the six lines before the function, or in the first 40 lines
of the file."""

import pathlib
import re
import subprocess
import sys

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
EXCUSE = re.compile(r"\bsize: \w+")


def functions(lines):
    """Yields (first line, last line, name) of each function: kernel style has '{' and '}' alone in
    column 0."""
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = start - 1
            while head > 0 and lines[head - 1][:1] not in ("", "\n", "}", "/", "#", " ") \
                    and not lines[head - 1].rstrip().endswith((";", "*/", "}")):
                head -= 1
            text = " ".join(lines[head:start])
            name = re.search(r"([A-Za-z_]\w*)\s*\(", text)
            if not text.lstrip().startswith(("struct", "enum", "union")) or name:
                yield head, number, name[1] if name else text.strip()
            start = None


def main():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "bpf/*.h"],
                           check=True, capture_output=True, text=True).stdout.split()
    bad = longest_file = total = long_functions = count = 0
    for name in names:
        path = pathlib.Path(name)
        if not path.exists():
            continue
        lines = path.read_text().splitlines()
        total += len(lines)
        longest_file = max(longest_file, len(lines))
        if len(lines) > FILE_LINES_MAX and not EXCUSE.search("\n".join(lines[:40])):
            print(f"{name}: {len(lines)} lines, more than {FILE_LINES_MAX}")
            bad += 1
        for first, last, function in functions(lines):
            count += 1
            length = last - first + 1
            if length <= FUNCTION_LINES_MAX:
                continue
            long_functions += 1
            if not EXCUSE.search("\n".join(lines[max(0, first - 6):first + 1])):
                print(f"{name}:{first + 1}: {function}() has {length} lines, "
                      f"more than {FUNCTION_LINES_MAX}")
                bad += 1
    print(f"{len(names)} files, {total} lines, longest {longest_file}; {count} functions, "
          f"{long_functions} longer than {FUNCTION_LINES_MAX}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
