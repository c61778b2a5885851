#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No line of C above 100 columns, no line of Markdown above 100, no cell of a table above 80.
Tabs reach to the next multiple of 8; in Markdown the targets of links do not count, code does.
widths.txt lists the files that break this today. Checks itself first, on made-up lines."""

import pathlib
import re
import subprocess
import sys

import rules as shared

HERE = pathlib.Path(__file__).resolve().parent
LINE_COLUMNS_MAX = 100
CELL_COLUMNS_MAX = 80
# What a reader of the rendered page does not see as text: ](target), <target>, [name]: target
TARGET = re.compile(r"(?<=\])\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)|<\w+://[^>\s]*>|(?<=\]:)\s+\S+$")


def columns(line):
    return len(line.expandtabs(8))


def wide_c_lines(text):
    """Returns the numbers of lines that are too wide."""
    return [number for number, line in enumerate(text.splitlines(), 1)
            if columns(line) > LINE_COLUMNS_MAX]


def wide_md_lines(text):
    """As above; a row of a table may be of any width, its cells may not."""
    wide, fence = [], None
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r" {0,3}(```+|~~~+)", line)
        if mark and fence is None:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = None
        is_code = fence is not None or line.startswith(("    ", "\t"))
        seen = line if is_code else TARGET.sub("", line)
        if not is_code and seen.lstrip().startswith("|"):
            cells = re.split(r"(?<!\\)\|", seen.strip())
            if any(columns(cell.strip()) > CELL_COLUMNS_MAX for cell in cells):
                wide.append(number)
        elif columns(seen) > LINE_COLUMNS_MAX:
            wide.append(number)
    return wide


def judge(found, known):
    """found: file -> numbers of its wide lines; known: texts 'file count'. Returns breaches."""
    texts, listed = [], {}
    for words in known:
        name, _, count = words.rpartition(" ")
        listed[name] = int(count)
    for name in sorted(found):
        lines, allowed = found[name], listed.get(name, 0)
        if len(lines) > allowed:
            where = ", ".join(map(str, lines[:12])) + (", ..." if len(lines) > 12 else "")
            more = f" instead of the {allowed} that widths.txt knows" if allowed else ""
            texts.append(f"{name}: {len(lines)} wide lines{more}: {where}")
    for name, allowed in sorted(listed.items()):
        count = len(found.get(name, ()))
        if count < allowed:
            remedy = f"write {count}" if count else "delete the line"
            texts.append(f"widths.txt: {name} has {count} wide lines, not {allowed}: {remedy}")
    return texts


SELF_TEST = [  # (name, ending, text, wide lines)
    ("C of 100 columns", "c", "\t" + 92 * "x", 0),
    ("C of 101 columns", "c", "\t" + 93 * "x", 1),
    ("C with a tab in its middle", "c", "xxx\t" + 93 * "x", 1),
    ("prose of 100", "md", 100 * "x", 0),
    ("prose of 101", "md", 101 * "x", 1),
    ("the target of a link", "md", "[" + 90 * "x" + "](" + 90 * "y" + ") z", 0),
    ("the target of a link with parentheses", "md", "[x](" + 90 * "y" + "(z)" + 9 * "y" + ")", 0),
    ("the text of a link", "md", "[" + 101 * "x" + "](y)", 1),
    ("the definition of a link", "md", "[x]: https://" + 100 * "y", 0),
    ("a cell of 80", "md", "| " + 80 * "x" + " | " + 80 * "y" + " |", 0),
    ("a cell of 81", "md", "| " + 81 * "x" + " | y |", 1),
    ("a cell with a link", "md", "| [x](" + 90 * "y" + ") | z |", 0),
    ("a bar that is no border", "md", "| " + 40 * "x" + "\\|" + 40 * "x" + " |", 1),
    ("code in a fence", "md", "```\n](" + 99 * "x" + ")\n```", 1),
    ("code that begins with a bar", "md", "```\n| " + 60 * "x" + " | " + 60 * "y" + "\n```", 1),
    ("code by its indent", "md", "    ](" + 99 * "x" + ")", 1),
    ("prose after a fence", "md", "```\nx\n```\n[x](" + 100 * "y" + ")", 0),
]
SELF_TEST_LISTS = [  # (name, wide lines of a.c, lines of the list, breaches)
    ("known", [1, 2], ["a.c 2"], 0),
    ("new file", [1], [], 1),
    ("one more than known", [1, 2], ["a.c 1"], 1),
    ("one less than known", [1], ["a.c 2"], 1),
    ("all gone", [], ["a.c 2"], 1),
]


def self_test():
    failed = 0
    for name, ending, text, wanted in SELF_TEST:
        found = wide_c_lines(text) if ending == "c" else wide_md_lines(text)
        if len(found) != wanted:
            print(f"self-test '{name}': {wanted} wide lines expected, found {found}")
            failed += 1
    for name, lines, known, wanted in SELF_TEST_LISTS:
        found = judge({"a.c": lines} if lines else {}, known)
        if len(found) != wanted:
            print(f"self-test '{name}': {wanted} breaches expected, found {found}")
            failed += 1
    return failed


def main():
    if self_test():
        return 1
    known = shared.read_rules(HERE / "widths.txt", ("known",)).get("known", [])
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h", "*.md"],
                           check=True, capture_output=True, text=True).stdout.split()
    found = {}
    for name in names:
        # vmlinux.h is laid out like the kernel's own dump.
        if name == "vmlinux.h" or not pathlib.Path(name).exists():
            continue
        judge_lines = wide_md_lines if name.endswith(".md") else wide_c_lines
        lines = judge_lines(pathlib.Path(name).read_text())
        if lines:
            found[name] = lines
    breaches = judge(found, known)
    for breach in breaches:
        print(breach)
    print(f"{len(names)} files, {sum(map(len, found.values()))} wide lines known, "
          f"{len(SELF_TEST) + len(SELF_TEST_LISTS)} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
