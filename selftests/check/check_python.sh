#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every Python file compiles, has a module docstring or shebang, and imports nothing but the
# standard library and its neighbours; programs that stand for somebody else's software may import it.
set -u
mapfile -t files < <(git ls-files -co --exclude-standard '*.py')
python3 - "${files[@]}" <<'EOF' || exit 1
import ast, pathlib, sys

# name of the file -> package of Debian's Python that it is there to try
foreign = {"selftests/http/grpc_peer.py": "grpc", "selftests/http/websocket_peer.py": "websockets"}

bad = 0
own = {pathlib.Path(name).stem for name in sys.argv[1:]}
own |= {part for name in sys.argv[1:] for part in pathlib.Path(name).parts[:-1]}
for name in sys.argv[1:]:
    try:
        tree = ast.parse(pathlib.Path(name).read_text(), name)
    except SyntaxError as error:
        print(f"{name}:{error.lineno}: {error.msg}")
        bad += 1
        continue
    if not ast.get_docstring(tree):
        print(f"{name}:1: no docstring that says what the file is for")
        bad += 1
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module]
        else:
            continue
        for module in modules:
            if module.split(".")[0] not in sys.stdlib_module_names | own | {foreign.get(name)}:
                print(f"{name}:{node.lineno}: {module} is not in the standard library")
                bad += 1
sys.exit(bool(bad))
EOF
echo "${#files[@]} files"
