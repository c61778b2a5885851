#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of ingress-nginx's annotations in docs/migration.md is that of NGINX_LIST. With --write
it is made so."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = ROOT / "user/table/policy/nginx_list.h"
PAGE = ROOT / "docs/migration.md"
BEGIN, END = "<!-- nginx_list.h -->\n", "<!-- end of nginx_list.h -->\n"
ROW = re.compile(r'X\("([a-z0-9-]+)", (\w+), .*?, (DEFAULT|CLOSED), "([^"]*)"\)')
WORDS = {"HONOURED": "yes", "DIFFERS": "differs", "EFFECTLESS": "not needed",
         "MISSING": "not yet", "NEVER": "never"}


def joined(text):
    """Each row on one line, its texts in one piece."""
    return re.sub(r'" "', "", re.sub(r"\s*\\\n\s*", " ", text))


def rows_of(text):
    text = joined(text)
    return [(name, WORDS[standing] + (", 503" if fate == "CLOSED" and
                                      standing in ("MISSING", "NEVER") else ""), words)
            for name, standing, fate, words in ROW.findall(text)]


def table_of(rows):
    """A list, not a table: cells would be too long."""
    lines = []
    for name, standing, words in rows:
        line, indent = f"- `{name}`: {standing}; {words}", "  "
        while len(line) > 100:
            cut = line.rfind(" ", 0, 100)
            lines.append(line[:cut])
            line = indent + line[cut + 1:]
        lines.append(line)
    return "\n".join(lines) + "\n"


def part_of(page):
    return page[page.index(BEGIN) + len(BEGIN):page.index(END)]


def self_test():
    rows = rows_of('X("one", HONOURED, VALUE(a), p, NULL, DEFAULT, "two") \\\n'
                   'X("x-2", NEVER, NOWHERE, NULL, NULL, CLOSED, "no")')
    return rows == [("one", "yes", "two"), ("x-2", "never, 503", "no")] and \
        table_of(rows) == "- `one`: yes; two\n- `x-2`: never, 503; no\n"


def main():
    text, page = LIST.read_text(), PAGE.read_text()
    rows = rows_of(text)
    if not self_test() or len(rows) != len(re.findall(r'\bX\("', joined(text))) - 1:
        print("the list is written in another way")
        return 1
    wanted = "\n" + table_of(rows) + "\n"
    if "--write" in sys.argv:
        begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:begin] + wanted + page[end:])
        return 0
    print(f"{len(rows)} annotations of ingress-nginx, 1 self-test")
    if part_of(page) == wanted:
        return 0
    print("docs/migration.md: not as nginx_list.h; run selftests/check/check_nginx.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
