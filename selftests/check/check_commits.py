#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Subjects of commits are 'area: summary', of at most 72 characters, without a full stop: those
since the newest tag, or since the commit that commits.txt names where there is no tag after it.
Checks itself first, on a made-up repository."""

import pathlib
import re
import subprocess
import sys
import tempfile

import rules as shared

HERE = pathlib.Path(__file__).resolve().parent
SUBJECT_COLUMNS_MAX = 72
SUBJECT = re.compile(r"[\w./+-]+(, [\w./+-]+)*: \S.*")


def git(folder, *words):
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def find_base(folder, recorded):
    """Returns the commit after which subjects count: the later of the newest tag and the one
    recorded; None if the history does not hold the recorded one."""
    if git(folder, "merge-base", "--is-ancestor", recorded, "HEAD") is None:
        return None
    tag = git(folder, "describe", "--tags", "--abbrev=0")
    if tag and git(folder, "merge-base", "--is-ancestor", recorded, tag) is not None:
        return tag
    return recorded


def faults_of(subject):
    if len(subject) > SUBJECT_COLUMNS_MAX:
        yield f"{len(subject)} characters, more than {SUBJECT_COLUMNS_MAX}"
    if not SUBJECT.fullmatch(subject):
        yield "not of the form 'area: summary'"
    if subject.endswith("."):
        yield "ends with a full stop"


def check(folder, recorded):
    """Returns (breaches as texts, number of commits)."""
    base = find_base(folder, recorded)
    if base is None:
        return [f"{recorded}, which commits.txt names, is not in this history: a shallow clone "
                "needs 'git fetch --unshallow'"], 0
    lines = git(folder, "log", "--no-merges", "--format=%h %s", f"{base}..HEAD").splitlines()
    breaches = []
    for line in lines:
        commit, _, subject = line.partition(" ")
        breaches += [f"{commit} '{subject}': {fault}" for fault in faults_of(subject)]
    return breaches, len(lines)


SELF_TEST = [  # (name, subjects, number of the one recorded, {number: tag}, breaches)
    ("fine", ["base", "proxy: do this", "a/b, c-d: do that"], 0, {}, 0),
    ("72 characters", ["base", "proxy: " + 65 * "x"], 0, {}, 0),
    ("73 characters", ["base", "proxy: " + 66 * "x"], 0, {}, 1),
    ("no area", ["base", "Do this"], 0, {}, 1),
    ("words before the colon", ["base", "do this: and that"], 0, {}, 1),
    ("no summary", ["base", "proxy:"], 0, {}, 1),
    ("a full stop", ["base", "proxy: do this."], 0, {}, 1),
    ("before the one recorded", ["Do this", "base", "proxy: do this"], 1, {}, 0),
    ("before a tag", ["base", "Do this", "proxy: do this"], 0, {1: "v1"}, 0),
    ("a tag before the one recorded", ["base", "Do this", "a: b"], 1, {0: "v1"}, 0),
    ("after a tag", ["base", "proxy: do this", "Do this"], 0, {1: "v1"}, 1),
]


def self_test():
    failed = 0
    for name, subjects, recorded, tags, wanted in SELF_TEST:
        with tempfile.TemporaryDirectory() as folder:
            git(folder, "init", "-q")
            commits = []
            for number, subject in enumerate(subjects):
                git(folder, "-c", "user.name=x", "-c", "user.email=x@example.org", "-c",
                    "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", subject)
                commits.append(git(folder, "rev-parse", "HEAD"))
                if number in tags:
                    git(folder, "tag", tags[number])
            found, count = check(folder, commits[recorded])
            if len(found) != wanted or count == 0:
                print(f"self-test '{name}': {wanted} breaches expected, found {found}")
                failed += 1
    with tempfile.TemporaryDirectory() as folder:
        git(folder, "init", "-q")
        if len(check(folder, 40 * "1")[0]) != 1:
            print("self-test 'the recorded commit is missing': it is not reported")
            failed += 1
    return failed


def main():
    if self_test():
        return 1
    recorded = shared.read_rules(HERE / "commits.txt", ("since",))["since"][0]
    breaches, count = check(str(HERE.parent.parent), recorded)
    for breach in breaches:
        print(breach)
    print(f"{count} commits, {len(SELF_TEST) + 1} self-tests")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
