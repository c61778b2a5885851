#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every annotation has its row in the docs, and every row an annotation: POLICY_LIST against the
table of docs/ingress.md, the names of l4_policy.c against docs/l4.md."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# X(ID, type, field, place, "name", ...
ROW = re.compile(r'\bX\((\w+),\s*\w+,\s*(\w+),\s*\w+,\s*"([^"]+)"')
L4_NAME = re.compile(r'POLICY_PREFIX "(l4-[a-z0-9-]+)"')
DOCS_ROW = re.compile(r"^\| `([a-z0-9-]+)` \|", re.M)
L4_DOCS_ROW = re.compile(r"^\| `sluice\.dev/(l4-[a-z0-9-]+)[:`]", re.M)


def rows_of(text):
    """Names of the list, in order."""
    text = re.sub(r"\\\n", " ", text[text.index("#define POLICY_LIST(X)"):])
    return [match[3] for match in ROW.finditer(text)]


def table_of(text):
    """Names of the first table below the heading Annotations, in order."""
    start = text.index("\n## Annotations\n")
    table = re.search(r"\n\| NAME \|.*?\n\n", text[start:], re.S)
    return DOCS_ROW.findall(table[0])


def compare(code, docs, where):
    """One line a name that stands in one of the two only, or twice."""
    faults = [f"{where}: no row of {name}" for name in code if name not in docs]
    faults += [f"{where}: {name} is no annotation" for name in docs if name not in code]
    for names, side in ((code, "the list"), (docs, where)):
        faults += [f"{side}: {name} stands there twice"
                   for name in sorted(set(names)) if names.count(name) > 1]
    return faults


LIST = '#define POLICY_LIST(X) \\\n\tX(ONE, TEXT, one, HERE, "one", p, NULL, DEFAULT, "w") \\\n' \
       '\tX(TWO, TEXT, two, ROUTE, \\\n\t  "two-words", p, NULL, DEFAULT, "w")\n'
DOCS = "\n## Annotations\n\n| NAME | value |\n|---|---|\n| `one` | w |\n| `two-words` | w |\n\n"
SELF_TEST = [  # (name, list, docs, number of faults)
    ("alike", LIST, DOCS, 0),
    ("no row in the docs", LIST, DOCS.replace("| `one` | w |\n", ""), 1),
    ("no annotation", LIST, DOCS.replace("one", "other"), 2),
    ("twice in the docs", LIST, DOCS.replace("| `one` | w |\n", "| `one` | w |\n" * 2), 1),
    ("twice in the list", LIST + LIST.split("\\\n")[1], DOCS, 1),
    ("a table further down is another one", LIST, DOCS + "| `three` | w |\n\n", 0),
]


def self_test():
    failed = 0
    for name, rows, docs, wanted in SELF_TEST:
        found = compare(rows_of(rows), table_of(docs), "docs")
        if len(found) != wanted:
            print(f"self-test '{name}': {wanted} faults expected, found {found}")
            failed += 1
    return failed


def main():
    if self_test():
        return 1
    rows = rows_of((ROOT / "user/handoff/policy_list.h").read_text())
    l4_names = L4_NAME.findall((ROOT / "user/table/policy/l4_policy.c").read_text())
    faults = compare(rows, table_of((ROOT / "docs/ingress.md").read_text()), "docs/ingress.md")
    faults += compare(l4_names, L4_DOCS_ROW.findall((ROOT / "docs/l4.md").read_text()),
                      "docs/l4.md")
    if not rows or not l4_names:
        faults.append("no annotation was found: the list is written in another way")
    for fault in faults:
        print(fault)
    print(f"{len(rows)} + {len(l4_names)} annotations, {len(SELF_TEST)} self-tests")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
