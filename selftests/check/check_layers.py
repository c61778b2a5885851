#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point one way: reads the rules in layers.txt and every #include of user/, bpf/ and the
units, and fails on a breach, on a cycle of files, on a private header and on a library header
outside its folder. Checks itself first, on made-up trees that break each rule."""

import pathlib
import re
import sys
import tempfile

import rules as shared

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


class Rules:
    """layers.txt"""

    def __init__(self, path):
        texts = shared.read_rules(path, ("layers", "allow", "library"))
        self.ranks = shared.read_order(texts["layers"][0])
        self.allowed = {tuple(part.strip() for part in text.split("->"))
                        for text in texts.get("allow", ())}
        self.libraries = []
        for text in texts.get("library", ()):
            prefixes, _, folders = text.partition("->")
            self.libraries += [(prefix, set(folders.split())) for prefix in prefixes.split()]

    def may_use(self, folder, target):
        """Whether a layer may include or call another one."""
        return folder == target or (folder, target) in self.allowed \
            or self.ranks.get(target, 99) < self.ranks[folder]


def includes_of(path):
    """Yields (line, whether by <>, what is included)."""
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        yield text[:match.start(2)].count("\n") + 1, match[1] == "<", match[2]


def library_breach(rules, folder, included):
    for prefix, folders in rules.libraries:
        if included.startswith(prefix) and folder not in folders:
            return f"<{included}> belongs to {sorted(folders)}"
    return None


def private_breach(name, included):
    """A header X_priv.h is for its folder and the folders below."""
    home = included.rpartition("/")[0] + "/"
    if included.endswith(("_priv.h", "_priv.bpf.h")) and not name.startswith(home):
        return f"\"{included}\" is private to {home}"
    return None


def check_user_file(root, rules, path, graph):
    """Adds the file's arrows to the graph of files; returns its breaches."""
    base = root / "user"
    name = path.relative_to(base).as_posix()
    folder = name.split("/")[0]
    if folder not in rules.ranks:
        return [f"user/{name}: folder '{folder}' has no place in layers.txt"]
    breaches = []
    for line, is_library, included in includes_of(path):
        text = None
        if is_library:
            text = library_breach(rules, folder, included)
        elif (base / included).exists():
            target = included.split("/")[0]
            graph.setdefault(f"user/{name}", set()).add(f"user/{included}")
            text = private_breach(name, included)
            if not rules.may_use(folder, target):
                text = f"{folder} may not include {target} (\"{included}\")"
        elif (path.parent / included).exists():
            text = f"write it with its folder: \"{folder}/{included}\""
        if text:
            breaches.append(f"user/{name}:{line}: {text}")
    return breaches


def check_other_file(root, rules, path, graph):
    """A file of bpf/ (its headers are named from there) or a unit test (which may include what is
    private to the folder that it mirrors)."""
    name = path.relative_to(root).as_posix()
    breaches = []
    for line, is_library, included in includes_of(path):
        if not is_library and name.startswith("bpf/") and (root / "bpf" / included).exists():
            graph.setdefault(name, set()).add(f"bpf/{included}")
            text = private_breach(name, f"bpf/{included}")
        else:
            text = private_breach(name.removeprefix("selftests/unit/"), included)
        # What the tests of several folders share lies in selftests/unit/lib.
        if text and not name.startswith("selftests/unit/lib/"):
            breaches.append(f"{name}:{line}: {text}")
    return breaches


def check(root, rules):
    """Returns (breaches below root as texts, number of files)."""
    breaches, graph = [], {}
    sources = sorted(path for folder in ("user", "bpf", "selftests/unit")
                     for path in (root / folder).glob("**/*") if path.suffix in (".c", ".h"))
    for path in sources:
        is_user = path.is_relative_to(root / "user")
        breaches += (check_user_file if is_user else check_other_file)(root, rules, path, graph)
    breaches += [f"include cycle: {' -> '.join(cycle)}" for cycle in shared.find_cycles(graph)]
    return breaches, len(sources)


TEST_RULES = """\
layers: base <- model <- { kube, files, table } <- { dataplane, proxy, admin } <- daemon
allow: admin -> dataplane
library: yaml.h -> model
"""
SELF_TEST = [  # (name, files, number of breaches)
    ("one way is fine", {"user/base/a.h": "", "user/table/b.c": '#include "base/a.h"'}, 0),
    ("upward", {"user/base/a.h": '#include "model/m.h"', "user/model/m.h": ""}, 1),
    ("sideways", {"user/files/a.h": "", "user/kube/b.c": '#include "files/a.h"'}, 1),
    ("sideways, allowed",
     {"user/dataplane/a.h": "", "user/admin/b.c": '#include "dataplane/a.h"'}, 0),
    ("a cycle in one folder",
     {"user/base/a.h": '#include "base/b.h"', "user/base/b.h": '#include "base/a.h"'}, 1),
    ("a cycle in bpf/", {"bpf/packet/a.bpf.h": '#include "packet/b.bpf.h"',
                         "bpf/packet/b.bpf.h": '#include "packet/a.bpf.h"'}, 1),
    ("a private header at home, below and in its tests",
     {"user/table/t_priv.h": "", "user/table/a.c": '#include "table/t_priv.h"',
      "user/table/x/b.c": '#include "table/t_priv.h"',
      "selftests/unit/table/test_a.c": '#include "table/t_priv.h"'}, 0),
    ("a private header in another folder",
     {"user/table/x/t_priv.h": "", "user/table/a.c": '#include "table/x/t_priv.h"'}, 1),
    ("a private header in another folder of bpf/",
     {"bpf/flow/t_priv.bpf.h": "", "bpf/packet/a.bpf.h": '#include "flow/t_priv.bpf.h"'}, 1),
    ("a private header in the tests of another folder",
     {"user/table/t_priv.h": "", "selftests/unit/kube/test_a.c": '#include "table/t_priv.h"'}, 1),
    ("unknown folder", {"user/other/a.c": ""}, 1),
    ("library elsewhere", {"user/table/a.c": "#include <yaml.h>"}, 1),
    ("library at home", {"user/model/a.c": "#  include <yaml.h>"}, 0),
    ("no folder in the include", {"user/base/a.h": "", "user/base/a.c": '#include "a.h"'}, 1),
]


def self_test():
    failed = 0
    for name, files, wanted in SELF_TEST:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "layers.txt").write_text(TEST_RULES)
            for file, text in files.items():
                path = root / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n")
            found, _ = check(root, Rules(root / "layers.txt"))
            if len(found) != wanted:
                print(f"self-test '{name}': {wanted} breaches expected, found {found}")
                failed += 1
    return failed


def main():
    if self_test():
        return 1
    breaches, count = check(HERE.parent.parent, Rules(HERE / "layers.txt"))
    for breach in breaches:
        print(breach)
    print(f"{count} files, {len(SELF_TEST)} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
