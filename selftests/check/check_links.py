#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every relative link of a Markdown page leads to a file of the repository."""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")


def main():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], check=True,
                           capture_output=True, text=True).stdout.split()
    bad = count = 0
    for name in names:
        for number, line in enumerate(pathlib.Path(name).read_text().splitlines(), 1):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                count += 1
                if not (pathlib.Path(name).parent / target.split("#")[0]).exists():
                    print(f"{name}:{number}: {target} leads nowhere")
                    bad += 1
    print(f"{count} links of {len(names)} pages")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
