#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point one way: reads the rule in layers.txt and every #include of user/, and fails on a
breach, on an include cycle, and on a library header outside its folder. Checks itself first, on
made-up trees that break each rule."""

import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_rules(path):
    """Returns (ranks: folder -> number, allowed: set of pairs, libraries: [(prefix, folders)])."""
    ranks, allowed, libraries = {}, set(), []
    for line in path.read_text().splitlines():
        kind, _, text = line.partition(":")
        if line.startswith("#") or not text:
            continue
        if kind == "layers":
            for rank, group in enumerate(text.split("<-")):
                for folder in re.findall(r"\w+", group):
                    ranks[folder] = rank
        elif kind == "allow":
            allowed.add(tuple(part.strip() for part in text.split("->")))
        elif kind == "library":
            prefixes, _, folders = text.partition("->")
            libraries += [(prefix, set(folders.split())) for prefix in prefixes.split()]
        else:
            raise SystemExit(f"{path}: unknown rule '{kind}'")
    return ranks, allowed, libraries


def find_cycles(graph):
    """Returns each include cycle once, as a list of files that ends where it began."""
    cycles, done = [], set()

    def visit(node, trail):
        if node in trail:
            cycles.append(trail[trail.index(node):] + [node])
            return
        if node in done:
            return
        for target in sorted(graph.get(node, ())):
            visit(target, trail + [node])
        done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return cycles


def check(root, rules):
    """Returns the list of breaches below root/user, as text."""
    ranks, allowed, libraries = rules
    breaches, graph = [], {}
    sources = sorted(path for path in (root / "user").glob("**/*") if path.suffix in (".c", ".h"))
    for path in sources:
        name = path.relative_to(root / "user").as_posix()
        folder = name.split("/")[0]
        if folder not in ranks:
            breaches.append(f"user/{name}: folder '{folder}' has no place in layers.txt")
            continue
        for match in INCLUDE.finditer(path.read_text()):
            included = match[2]
            line = path.read_text()[:match.start()].count("\n") + 1
            where = f"user/{name}:{line}"
            target = included.split("/")[0]
            if match[1] == "<":
                for prefix, folders in libraries:
                    if included.startswith(prefix) and folder not in folders:
                        breaches.append(f"{where}: <{included}> belongs to {sorted(folders)}")
                continue
            if not (root / "user" / included).exists():
                if (path.parent / included).exists():
                    breaches.append(f"{where}: write it with its folder: \"{folder}/{included}\"")
                continue
            graph.setdefault(name, set()).add(included)
            if target != folder and (folder, target) not in allowed \
                    and ranks.get(target, 99) >= ranks[folder]:
                breaches.append(f"{where}: {folder} may not include {target} (\"{included}\")")
    breaches += [f"include cycle: {' -> '.join(cycle)}" for cycle in find_cycles(graph)]
    return breaches, len(sources)


SELF_TEST = [  # (name, files, number of breaches)
    ("one way is fine", {"base/a.h": "", "table/b.c": '#include "base/a.h"'}, 0),
    ("upward", {"base/a.h": '#include "model/m.h"', "model/m.h": ""}, 1),
    ("sideways", {"files/a.h": "", "kube/b.c": '#include "files/a.h"'}, 1),
    ("sideways, allowed", {"dataplane/a.h": "", "admin/b.c": '#include "dataplane/a.h"'}, 0),
    ("a cycle in one folder",
     {"base/a.h": '#include "base/b.h"', "base/b.h": '#include "base/a.h"'}, 1),
    ("unknown folder", {"other/a.c": ""}, 1),
    ("library elsewhere", {"table/a.c": "#include <yaml.h>"}, 1),
    ("library at home", {"model/a.c": "#  include <yaml.h>"}, 0),
    ("no folder in the include", {"base/a.h": "", "base/a.c": '#include "a.h"'}, 1),
]


def self_test(rules):
    failed = 0
    for name, files, wanted in SELF_TEST:
        with tempfile.TemporaryDirectory() as folder:
            for file, text in files.items():
                path = pathlib.Path(folder, "user", file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n")
            found, _ = check(pathlib.Path(folder), rules)
            if len(found) != wanted:
                print(f"self-test '{name}': {wanted} breaches expected, found {found}")
                failed += 1
    return failed


def main():
    rules = read_rules(HERE / "layers.txt")
    if self_test(rules):
        return 1
    breaches, count = check(HERE.parent.parent, rules)
    for breach in breaches:
        print(breach)
    print(f"{count} files, {len(SELF_TEST)} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
