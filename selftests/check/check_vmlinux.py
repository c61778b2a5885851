#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vmlinux.h is a true subset of the running kernel's types: every struct, field, enum value and
typedef in it exists in the kernel's own BTF dump with the same type, and the BPF programs build
over the whole dump too. What the running kernel does not have (a type of newer kernels, reached
by CO-RE) carries a ___flavor in its name and is left out."""

import json
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path("build/full")
CLANG = os.environ.get("CLANG", "clang")
MAKE = os.environ.get("MAKE", "make")


def syntax_tree(header):
    """Returns the top declarations of a header, as clang sees them."""
    done = subprocess.run([CLANG, "-target", "bpf", "-fsyntax-only", "-x", "c", "-std=gnu11",
                           "-Xclang", "-ast-dump=json", header],
                          check=True, capture_output=True, text=True)
    return [node for node in json.loads(done.stdout)["inner"] if node.get("loc")]


def fields_of(record, prefix=""):
    """Yields (access path, type or None for a bit field) of a struct or union, through unnamed
    members."""
    unnamed = None
    for node in record.get("inner", ()):
        if node["kind"] == "RecordDecl":
            unnamed = node
        elif node["kind"] == "FieldDecl":
            spelled = node["type"]["qualType"]
            if "unnamed" in spelled or "anonymous" in spelled:
                name = f"{prefix}{node['name']}." if node.get("name") else prefix
                yield from fields_of(unnamed, name)
            elif node.get("isBitfield"):
                yield prefix + node["name"], None
            else:
                yield prefix + node["name"], spelled


def enum_values(enum):
    value = -1
    for node in enum.get("inner", ()):
        if node["kind"] == "EnumConstantDecl":
            given = [inner["value"] for inner in node.get("inner", ()) if "value" in inner]
            value = int(given[0]) if given else value + 1
            yield node["name"], value


def assertions(header):
    """Yields one C statement for each thing that the full dump has to agree with."""
    for node in syntax_tree(header):
        kind, name = node["kind"], node.get("name", "")
        if "___" in name or node.get("isImplicit"):
            continue
        if kind == "RecordDecl" and node.get("completeDefinition"):
            what = f"{node['tagUsed']} {name}"
            for path, spelled in fields_of(node):
                member = f"(({what} *)0)->{path}"
                if spelled is None:
                    yield f'_Static_assert(sizeof({member} + 0), "{what}: {path}");'
                elif "[0]" in spelled or "[]" in spelled:
                    yield f'_Static_assert(sizeof({member}[0]), "{what}: {path}");'
                else:
                    yield (f"_Static_assert(__builtin_types_compatible_p(typeof({member}), "
                           f'typeof({spelled})), "{what}: {path} is no {spelled}");')
        elif kind == "EnumDecl":
            for constant, value in enum_values(node):
                if "___" not in constant:
                    yield f'_Static_assert({constant} == {value}, "{constant} is not {value}");'
        elif kind == "TypedefDecl" and "unnamed" not in node["type"]["qualType"]:
            spelled = node["type"]["qualType"]
            yield (f"_Static_assert(__builtin_types_compatible_p({name}, {spelled}), "
                   f'"typedef {name} is no {spelled}");')


def main():
    if not pathlib.Path("vmlinux.h").exists():
        print("vmlinux.h: missing")
        return 1
    full = BUILD / "gen/full/vmlinux.h"
    subprocess.run([MAKE, "--no-print-directory", "-s", f"B={BUILD}", str(full)], check=True)
    lines = sorted(set(assertions("vmlinux.h")))
    source = BUILD / "vmlinux_subset.c"
    source.write_text('#include "vmlinux.h"\n' + "\n".join(lines) + "\n")
    done = subprocess.run([CLANG, "-target", "bpf", "-fsyntax-only", "-std=gnu11", "-w",
                           "-ferror-limit=40", f"-I{full.parent}", str(source)],
                          capture_output=True, text=True)
    for line in done.stderr.splitlines():
        if "error:" in line:
            print("vmlinux.h and the kernel disagree:", line.split("error:")[1].strip())
    if done.returncode:
        return 1
    built = subprocess.run([MAKE, "--no-print-directory", "-s", f"B={BUILD}", "VMLINUX=full",
                            f"{BUILD}/bpf/sluice.o"], capture_output=True, text=True)
    if built.returncode:
        print("make VMLINUX=full:", built.stdout, built.stderr)
        return 1
    size = len(pathlib.Path("vmlinux.h").read_text().splitlines())
    print(f"{size} lines, {len(lines)} facts agree with the running kernel; VMLINUX=full builds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
