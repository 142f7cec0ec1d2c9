"""Prints the schema and every statement of the store for psql, as prepared statements: statements.py ROOT."""

import re
import sys
from pathlib import Path

root = Path(sys.argv[1])
source = (root / "src/store/sql.rs").read_text()
LITERAL = r'"(?:[^"\\]|\\.|\\\n)*"'


def text(literal):
    """The value of a literal of Rust."""
    return re.sub(r"\\\n\s*", "", literal[1:-1]).replace('\\"', '"')


def joined(expression):
    parts = re.finditer(rf"{LITERAL}|(\w+)!\(\)", expression)
    return "".join(text(macros[part[1]]) if part[1] else text(part[0]) for part in parts)


# Macros that are given a literal are written out where they are used.
WITH_ARGUMENT = r"macro_rules! (\w+) \{\s*\(\$(\w+):literal\) => \{\s*concat!\((.*?)\)\s*\};\s*\}"
for name, argument, body in re.findall(WITH_ARGUMENT, source, re.DOTALL):
    used = rf"{name}!\(({LITERAL})\)"
    source = re.sub(used, lambda call: body.replace(f"${argument}", call[1]), source)

macros = dict(re.findall(rf"macro_rules! (\w+) \{{\s*\(\) => \{{\s*({LITERAL})\s*\}};\s*\}}", source))
statements = re.findall(r"const (\w+): &str =\s*(.*?);\n", source, re.DOTALL)
declared = source.count("const ")
if len(statements) != declared:
    sys.exit(f"{len(statements)} of {declared} statements could be read")

for migration in sorted((root / "migrations/sqlite").glob("*.sql")):
    print(migration.read_text())
for name, expression in statements:
    print(f'PREPARE "{name}" AS {joined(expression)};')
print(f"\\echo {declared} statements")
