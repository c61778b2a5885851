# SPDX-License-Identifier: Apache-2.0
"""What the checks share: rule files, lists of known breaches, and graphs of modules."""

import re


def read_rules(path, kinds):
    """Returns kind -> list of texts of a file with lines 'kind: text'; '#' begins a comment line.
    A kind that nobody reads ends the check: a typing error hides no rule."""
    rules = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        kind, colon, text = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or not re.fullmatch(r"[\w-]+", kind):
            raise SystemExit(f"{path}:{number}: not of the form 'kind: text'")
        if kind not in kinds:
            raise SystemExit(f"{path}:{number}: unknown rule '{kind}'")
        rules.setdefault(kind, []).append(" ".join(text.split()))
    return rules


def new_and_gone(kind, known, found, where):
    """Compares breaches with the list of known ones: both what is new and what is gone fail.

    Returns texts; `found` maps the words of a line of the list to what a reader is shown."""
    texts = [found[words] for words in sorted(set(found) - set(known))]
    texts += [f"{where}: '{kind}: {words}' is no longer true: delete the line"
              for words in sorted(set(known) - set(found))]
    return texts


def read_order(text):
    """Returns name -> rank of 'a <- { b, c } <- d': what stands further left may be used."""
    return {name: rank for rank, group in enumerate(text.split("<-"))
            for name in re.findall(r"[\w.]+", group)}


def module_of(name):
    """X.c and X.h are one module, named by the path without its ending."""
    return re.sub(r"(\.bpf)?\.[cho]$", "", name)


def find_cycles(graph):
    """Returns cycles as lists of nodes that end where they began: at least one of each knot."""
    cycles, done, trail, place = [], set(), [], {}

    def visit(node):
        place[node] = len(trail)
        trail.append(node)
        for target in sorted(graph.get(node, ())):
            if target in place:
                cycles.append(trail[place[target]:] + [target])
            elif target not in done:
                visit(target)
        trail.pop()
        del place[node]
        done.add(node)

    for node in sorted(graph):
        if node not in done:
            visit(node)
    return cycles


def reaches(graph, start, wanted):
    """Whether a way leads from one node to another."""
    todo, seen = [start], {start}
    while todo:
        node = todo.pop()
        if node == wanted:
            return True
        todo += [target for target in graph.get(node, ()) if target not in seen]
        seen |= set(graph.get(node, ()))
    return False


def judge_graph(graph, orders, known, kind, where):
    """Returns the breaches of a graph of modules (node -> set of nodes), as texts.

    orders: [(folder, name -> rank)]; known: lines 'a -> b', arrows that are taken out of the graph
    first, and of which each must be there and must break a rule."""
    texts, cut, upward = [], {node: set(targets) for node, targets in graph.items()}, {}
    for folder, ranks in orders:
        for node, targets in graph.items():
            for target in targets:
                a, b = place_in(folder, ranks, node), place_in(folder, ranks, target)
                if a and b and a != b and ranks[b] >= ranks[a]:
                    upward[f"{node} -> {target}"] = (
                        f"{node} may not {kind} {target}: in {folder}, '{a}' stands before '{b}'")
    for words in known:
        node, _, target = words.partition(" -> ")
        if target not in graph.get(node, ()):
            texts.append(f"{where}: 'known-{kind}: {words}' is no longer true: delete the line")
        cut.get(node, set()).discard(target)
    for words in known:
        node, _, target = words.partition(" -> ")
        if target in graph.get(node, ()) and words not in upward and not reaches(cut, target, node):
            texts.append(f"{where}: 'known-{kind}: {words}' breaks no rule any more: "
                         "delete the line")
    texts += [upward[words] for words in sorted(set(upward) - set(known))]
    texts += [f"cycle by {kind}: {' -> '.join(cycle)}" for cycle in find_cycles(cut)]
    return texts


def place_in(folder, ranks, module):
    """Returns the name that an order gives a module of its folder, '.' for files that it does not
    name, None for modules of other folders."""
    if not module.startswith(folder + "/"):
        return None
    name = module[len(folder) + 1:].split("/")[0]
    return name if name in ranks else "."
