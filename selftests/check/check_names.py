#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No name in C is a keyword of C++: editors and readers take it for one, and no header with it can
be included from C++. names.txt lists what breaks this today. Checks itself first, on made-up
lines."""

import pathlib
import re
import subprocess
import sys

import rules as shared

HERE = pathlib.Path(__file__).resolve().parent
# ISO C++20, table 5 and 6 of [lex], without those that C11 has as keywords or in its headers.
KEYWORDS = set("""and and_eq bitand bitor catch char8_t class compl concept const_cast consteval
    constexpr constinit co_await co_return co_yield decltype delete dynamic_cast explicit export
    friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected
    public reinterpret_cast requires static_cast template this throw try typeid typename using
    virtual wchar_t xor xor_eq""".split())
# A comment, a string, a character, or an include: no names there.
SKIPPED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
                     r"|^[ \t]*#[ \t]*include[^\n]*", re.S | re.M)


def keywords_of(text):
    """Returns keyword -> number of the first line that has it as a name."""
    text = SKIPPED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    found = {}
    for match in re.finditer(r"\b[A-Za-z_]\w*", text):
        if match[0] in KEYWORDS:
            found.setdefault(match[0], text[:match.start()].count("\n") + 1)
    return found


def check(texts, allowed, known):
    """texts: file -> content. Returns breaches as texts."""
    found = {}
    for name, text in texts.items():
        for word, line in keywords_of(text).items():
            # The contract is for C++ too: nothing is allowed there.
            if word not in allowed or name.startswith("headers/"):
                found[f"{name} {word}"] = f"{name}:{line}: '{word}' is a keyword of C++"
    return shared.new_and_gone("known", known, found, "names.txt")


SELF_TEST = [  # (name, file, text, lines of the list, breaches)
    ("a field", "user/a.h", "struct a { int class; };", [], 1),
    ("a variable", "user/a.c", "int a(int new) { return new; }", [], 1),
    ("two keywords", "user/a.c", "int this, try;", [], 2),
    ("part of a name", "user/a.c", "int class_id, renew, this_one;", [], 0),
    ("comments, strings and includes", "user/a.c",
     '#include <new>\n/* new\n this */ char *a = "delete \\" new"; // try\n', [], 0),
    ("known", "user/a.c", "int new;", ["user/a.c new"], 0),
    ("known but gone", "user/a.c", "int old;", ["user/a.c new"], 1),
    ("allowed", "user/a.c", "int namespace;", [], 0),
    ("allowed, but in the contract", "headers/a.h", "int namespace;", [], 1),
]


def self_test():
    failed = 0
    for name, file, text, known, wanted in SELF_TEST:
        found = check({file: text}, {"namespace"}, known)
        if len(found) != wanted:
            print(f"self-test '{name}': {wanted} breaches expected, found {found}")
            failed += 1
    return failed


def main():
    if self_test():
        return 1
    rules = shared.read_rules(HERE / "names.txt", ("allow", "known"))
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"],
                           check=True, capture_output=True, text=True).stdout.split()
    # vmlinux.h has the kernel's names.
    texts = {name: pathlib.Path(name).read_text() for name in names
             if name != "vmlinux.h" and pathlib.Path(name).exists()}
    breaches = check(texts, set(rules.get("allow", ())), rules.get("known", []))
    for breach in breaches:
        print(breach)
    print(f"{len(texts)} files, {len(SELF_TEST)} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
