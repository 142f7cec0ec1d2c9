#!/usr/bin/env python3
"""Prints the crates that are linked into the program, with their licences and the texts of those, for the release archive.

Usage: third-party.py TARGET [--list]
With --list: names, versions and licences only.
"""

import json
import pathlib
import subprocess
import sys

NAMES = ("LICEN", "COPYING", "NOTICE", "UNLICENSE")


def linked(metadata):
    """The packages that the program is linked with: no development and no build dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    seen, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    packages = [package for package in metadata["packages"] if package["id"] in seen]
    return sorted((package for package in packages if package["source"]), key=lambda package: package["name"])


def texts(package):
    """The licence files of a package and of the C++ libraries that it brings along."""
    folder = pathlib.Path(package["manifest_path"]).parent
    found = (path for path in folder.rglob("*") if path.is_file() and path.name.upper().startswith(NAMES))
    return [path for path in sorted(found) if path.suffix in ("", ".txt", ".md") or path.suffix.isupper()]


def main():
    target, *options = sys.argv[1:]
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    packages = linked(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print("Verbatim is linked with these crates; C++ libraries are in the crates that build them.\n")
    for package in packages:
        print(f"{package['name']} {package['version']}: {package['license'] or package['license_file']}")
    if "--list" in options:
        return
    users = {}
    for package in packages:
        for path in texts(package):
            text = path.read_text(errors="replace").strip()
            users.setdefault(text, []).append(f"{package['name']} {package['version']}")
    for text, names in users.items():
        print(f"\n{'-' * 80}\n{', '.join(dict.fromkeys(names))}\n\n{text}")


main()
