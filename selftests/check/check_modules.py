#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No knots among modules: X.c and X.h are one module. It includes another one by the text of its
files, and it calls another one if its object in build/ lacks a symbol that the other's defines.
Neither may close a cycle or point against the layers (layers.txt) and the order of folders
(modules.txt), and each global name is defined once. Checks itself first, on made-up sources."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import rules as shared
from check_layers import Rules as Layers, includes_of

HERE = pathlib.Path(__file__).resolve().parent
# (folder of sources, folder of their objects)
TREES = [("user", "build/obj"), ("bpf", "build/bpf")]
KINDS = ("order", "known-include", "known-call", "known-global")


class Rules:
    """modules.txt, and the order of layers of layers.txt"""

    def __init__(self, folder):
        texts = shared.read_rules(folder / "modules.txt", KINDS)
        self.layers = Layers(folder / "layers.txt")
        self.orders = []
        for text in texts.get("order", ()):
            home, _, order = text.partition(" ")
            self.orders.append((home, shared.read_order(order)))
        self.known_includes = texts.get("known-include", [])
        self.known_calls = texts.get("known-call", [])
        self.known_globals = texts.get("known-global", [])


def read_symbols(objects):
    """Returns object -> (names it defines, names it lacks), of global and weak symbols."""
    output = subprocess.run(["readelf", "--wide", "--symbols", *map(str, objects)],
                            check=True, capture_output=True, text=True,
                            env={**os.environ, "LC_ALL": "C"}).stdout
    symbols = {path: (set(), set()) for path in objects}
    current = objects[0]  # readelf names the file only if there are several
    for line in output.splitlines():
        if line.startswith("File: "):
            current = pathlib.Path(line[6:])
            continue
        fields = line.split()
        if len(fields) < 8 or fields[4] not in ("GLOBAL", "WEAK"):
            continue
        defined, lacking = symbols[current]
        if fields[6] == "UND":
            lacking.add(fields[7])
        elif fields[4] == "GLOBAL":
            defined.add(fields[7])
    return symbols


def find_objects(root):
    """Returns (module -> object, texts about sources whose object is missing or older)."""
    objects, texts = {}, []
    for folder, built in TREES:
        for source in sorted((root / folder).glob("**/*.c")):
            name = source.relative_to(root / folder).with_suffix(".o")
            path = root / built / name
            if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
                texts.append(f"{source.relative_to(root)}: not compiled as it is: "
                             "run 'make all' first")
            else:
                objects[shared.module_of(f"{folder}/{name.as_posix()}")] = path
    return objects, texts


def module_of(name):
    """As shared.module_of(); but the header that has the name of its layer, table/table.h, is the
    face of all of it: every file of the layer may see its types, so it is a module of its own."""
    if re.fullmatch(r"user/(\w+)/\1\.h", name):
        return name
    return shared.module_of(name)


def graph_of_includes(root):
    """Returns module -> set of the modules that its files include."""
    graph = {}
    for folder, _ in TREES:
        base = root / folder
        for path in sorted(path for path in base.glob("**/*") if path.suffix in (".c", ".h")):
            module = module_of(path.relative_to(root).as_posix())
            for _, is_library, included in includes_of(path):
                target = module_of(f"{folder}/{included}")
                if not is_library and (base / included).exists() and target != module:
                    graph.setdefault(module, set()).add(target)
    return graph


def graph_of_calls(objects):
    """Returns (module -> set of the modules that it calls,
    (tree, name) -> modules that define it)."""
    symbols = read_symbols(list(objects.values()))
    graph, definers = {}, {}
    for module, path in objects.items():
        for name in symbols[path][0]:
            definers.setdefault((module.split("/")[0], name), []).append(module)
    for module, path in objects.items():
        for name in symbols[path][1]:
            targets = definers.get((module.split("/")[0], name), [])
            # Of a name that is defined twice, the linker finds the caller's own archive first.
            own = [target for target in targets if layer_of(target) == layer_of(module)]
            graph.setdefault(module, set()).update(own or targets)
    return graph, definers


def layer_of(module):
    return module.split("/")[1]


def check(root, rules):
    """Returns (breaches as texts, number of objects)."""
    breaches = shared.judge_graph(graph_of_includes(root), rules.orders, rules.known_includes,
                                  "include", "modules.txt")
    objects, stale = find_objects(root)
    if stale or not objects:
        return breaches + stale, 0
    graph, definers = graph_of_calls(objects)
    breaches += check_layers(graph, rules.layers)
    breaches += shared.judge_graph(graph, rules.orders, rules.known_calls, "call", "modules.txt")
    # Each program has its main(); BPF programs are linked by name, which the linker judges.
    twice = {name: f"{name} is defined in " + " and in ".join(modules)
             for (tree, name), modules in definers.items()
             if tree == "user" and name != "main" and len(modules) > 1}
    breaches += shared.new_and_gone("known-global", rules.known_globals, twice, "modules.txt")
    return breaches, len(objects)


def check_layers(graph, layers):
    breaches = []
    for module, targets in sorted(graph.items()):
        for target in sorted(targets):
            a, b = layer_of(module), layer_of(target)
            if module.startswith("user/") and not layers.may_use(a, b):
                breaches.append(f"{module} may not call {target}: layer {a} stands before {b}")
    return breaches


TEST_LAYERS = "layers: base <- table <- { daemon, proxy }\n"
TEST_RULES = """\
order: user/proxy http <- { tls, splice } <- client <- .
order: bpf maps <- packet <- .
"""
INCLUDES = {"user/base/a.c": '#include "base/b.h"', "user/base/b.c": '#include "base/a.h"',
            "user/base/a.h": "", "user/base/b.h": ""}
UP = {"user/proxy/client/a.h": '#include "proxy/worker.h"', "user/proxy/worker.h": ""}
A, B = "int b(void); int a(void) { return b(); }", "int a(void); int b(void) { return a(); }"
END = "int b(void) { return 0; }"
CALLS = {"user/base/a.c": A, "user/base/b.c": B}
MAIN = "int main(void) { return 0; }"
SELF_TEST = [  # (name, files, more rules, number of breaches)
    ("a cycle of includes", INCLUDES, "", 1),
    ("a cycle of includes that is known", INCLUDES,
     "known-include: user/base/a -> user/base/b", 0),
    ("a known include that is gone", {"user/base/a.h": ""},
     "known-include: user/base/a -> user/base/b", 1),
    ("a known include that closes no cycle",
     {"user/base/a.h": "", "user/base/b.c": '#include "base/a.h"'},
     "known-include: user/base/b -> user/base/a", 1),
    ("the face of a layer",
     {"user/base/base.h": "", "user/base/base.c": '#include "base/a.h"',
      "user/base/a.h": '#include "base/base.h"'}, "", 0),
    ("the face of a layer in a cycle",
     {"user/base/base.h": '#include "base/a.h"', "user/base/a.h": "",
      "user/base/a.c": '#include "base/base.h"'}, "", 1),
    ("bpf/: a folder and a file that the order names",
     {"bpf/packet/a.bpf.h": '#include "maps.bpf.h"', "bpf/maps.bpf.h": "",
      "bpf/x.bpf.h": '#include "packet/a.bpf.h"'}, "", 0),
    ("bpf/: up to a program",
     {"bpf/packet/a.bpf.h": '#include "x.bpf.h"', "bpf/x.bpf.h": ""}, "", 1),
    ("includes between folders in order",
     {"user/proxy/http/a.h": "", "user/proxy/tls/b.h": '#include "proxy/http/a.h"',
      "user/proxy/c.c": '#include "proxy/tls/b.h"'}, "", 0),
    ("an include upward between folders",
     {"user/proxy/http/a.h": '#include "proxy/client/b.h"', "user/proxy/client/b.h": ""}, "", 1),
    ("an include sideways between folders",
     {"user/proxy/tls/a.h": '#include "proxy/splice/b.h"', "user/proxy/splice/b.h": ""}, "", 1),
    ("an include upward to a file of no folder", UP, "", 1),
    ("an include upward that is known", UP,
     "known-include: user/proxy/client/a -> user/proxy/worker", 0),
    ("calls in order", {"user/base/b.c": END, "user/table/a.c": A}, "", 0),
    ("a call to a layer above", {"user/table/b.c": END, "user/base/a.c": A}, "", 1),
    ("a cycle of calls", CALLS, "", 1),
    ("a cycle by a table of functions",
     {"user/base/a.c": A, "user/base/b.c": "int a(void); int (*const b[])(void) = { a };"}, "", 1),
    ("a cycle of calls that is known", CALLS, "known-call: user/base/b -> user/base/a", 0),
    ("a known call that is gone", {"user/base/b.c": END},
     "known-call: user/base/b -> user/base/a", 1),
    ("a static function of the same name", {"user/base/a.c": "static " + END + A[12:],
                                            "user/table/b.c": END}, "", 0),
    ("a call upward between folders", {"user/proxy/tls/b.c": END, "user/proxy/http/a.c": A}, "", 1),
    ("a call upward to a file of no folder",
     {"user/proxy/b.c": END, "user/proxy/tls/a.c": A}, "", 1),
    ("one name in two archives", {"user/table/a.c": "int n;", "user/daemon/b.c": "int n;"}, "", 1),
    ("one name in two archives, known",
     {"user/table/a.c": "int n;", "user/daemon/b.c": "int n;"}, "known-global: n", 0),
    ("a known name that is defined once", {"user/table/a.c": "int n;"}, "known-global: n", 1),
    ("each program has its main()",
     {"user/proxy/main.c": MAIN, "user/daemon/main.c": MAIN}, "", 0),
]


def build(root, files):
    for file, text in files.items():
        source = root / file
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text + "\n")
    for file in files:
        if file.endswith(".c"):
            target = root / "build/obj" / pathlib.Path(file).relative_to("user").with_suffix(".o")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([os.environ.get("CC") or "gcc", "-O0", "-c", f"-I{root}/user", "-o",
                            target, root / file], check=True)


def self_test():
    failed = 0
    stale = ("a source without an object", {"user/base/a.c": "int a;"}, "", 1)
    for name, files, more, wanted in SELF_TEST + [stale]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "layers.txt").write_text(TEST_LAYERS)
            (root / "modules.txt").write_text(TEST_RULES + more)
            build(root, files)
            if name == stale[0]:
                (root / "user/base/b.c").write_text("int b;\n")
            found, _ = check(root, Rules(root))
            if len(found) != wanted:
                print(f"self-test '{name}': {wanted} breaches expected, found {found}")
                failed += 1
    return failed


def main():
    if self_test():
        return 1
    breaches, count = check(HERE.parent.parent, Rules(HERE))
    for breach in breaches:
        print(breach)
    print(f"{count} objects, {len(SELF_TEST) + 1} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
