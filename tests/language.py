"""Check the language of the project's texts: old words, long sentences, and docstrings without a verb.

`python -m tests.language PATH…` prints the findings of these files or folders; without a path, of all files.
"""

from __future__ import annotations

import ast
import csv
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
MAX_WORDS = 30
_DATA = Path(__file__).parent / "data" / "language"
_EXCLUDED = {
    "tests/language.py": "names the old words",
    "tests/test_language.py": "tests them",
}
_PROSE_COLUMNS = frozenset({"meaning", "description", "reason", "note"})


@dataclass(frozen=True)
class Text:
    """Represent one piece of prose and the place where a reader meets it."""

    path: Path
    line: int
    kind: str  # docstring, comment, message, prose
    text: str


@dataclass(frozen=True)
class Finding:
    """Describe one offence against the language rules."""

    text: Text
    rule: str
    detail: str

    def __str__(self) -> str:
        """Return the finding as `path:line: rule: detail`."""
        path = self.text.path
        place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        return f"{place}:{self.text.line}: {self.rule}: {self.detail}"


@cache
def _lines(name: str) -> tuple[str, ...]:
    """Return the entries of a word list; `#` begins a comment."""
    rows = (line.partition("#")[0].strip() for line in (_DATA / name).read_text("utf-8").splitlines())
    return tuple(row for row in rows if row)


def files(paths: Iterable[Path] = ()) -> list[Path]:
    """Return the checked files below the paths; by default, every text file that git tracks."""
    command = ["git", "ls-files", "--", "*.py", "*.sql", "*.md", "*.csv"]
    tracked = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    names = [name for name in tracked if name and name not in _EXCLUDED and not name.startswith("data/")]
    folders = [path.resolve() for path in paths] or [ROOT]
    existing = (path for path in map(ROOT.joinpath, names) if path.is_file())
    return [path for path in existing if any(path.is_relative_to(folder) for folder in folders)]


def texts(path: Path) -> Iterator[Text]:
    """Yield the prose of one file: docstrings, comments, messages, paragraphs, or the meanings of a table."""
    readers = {".py": _python_texts, ".sql": _sql_texts, ".md": _markdown_texts, ".csv": _table_texts}
    yield from readers[path.suffix](path, path.read_text("utf-8"))


def _python_texts(path: Path, source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                line = node.body[0].lineno
                yield Text(path, line, "docstring", _without_code(docstring))
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]:
                yield from _messages(path, argument)
        elif isinstance(node, ast.keyword) and node.arg in {"help", "short_help", "epilog", "description"}:
            yield from _messages(path, node.value)
    yield from _comments(path, source)


def _messages(path: Path, node: ast.expr) -> Iterator[Text]:
    """Yield a literal or formatted string as one text; a formatted value counts as one word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield Text(path, node.lineno, "message", node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        yield Text(path, node.lineno, "message", "".join(str(part) for part in parts))


def _comments(path: Path, source: str) -> Iterator[Text]:
    """Yield comments; those on lines of their own that follow each other are one text."""
    block: list[str] = []
    last = first = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or re.match(r"#\s*(noqa|type:|!|%%|pragma)", token.string):
            continue
        words = re.sub(r"\s*#\s*(noqa|type:).*", "", token.string.lstrip("#")).strip()
        alone = token.line.lstrip().startswith("#")
        if block and alone and token.start[0] == last + 1:
            block.append(words)
        else:
            if block:
                yield Text(path, first, "comment", " ".join(block))
            block, first = [words], token.start[0]
        last = token.start[0] if alone else -1
    if block:
        yield Text(path, first, "comment", " ".join(block))


def _sql_texts(path: Path, source: str) -> Iterator[Text]:
    block: list[str] = []
    first = 0
    for number, line in enumerate([*source.splitlines(), ""], 1):
        head, dashes, comment = line.partition("--")
        if dashes and not head.strip():
            first = first if block else number
            block.append(comment.strip())
        else:
            if block:
                yield Text(path, first, "comment", "\n".join(block))
                block = []
            if dashes:
                yield Text(path, number, "comment", comment.strip())


def _markdown_texts(path: Path, source: str) -> Iterator[Text]:
    fenced = re.sub(r"^( *)(```|~~~).*?^ *\2 *$", _blank, source, flags=re.MULTILINE | re.DOTALL)
    block: list[str] = []
    first = 0
    for number, line in enumerate([*fenced.splitlines(), ""], 1):
        starts = re.match(r"\s*([-*+]|\d+\.)\s+|#+ |>", line)
        skipped = not line.strip() or line.lstrip().startswith(("|", "<", "```"))
        if (skipped or starts) and block:
            yield Text(path, first, "prose", "\n".join(block))
            block = []
        if not skipped:
            first = first if block else number
            block.append(re.sub(r"^\s*([-*+]|\d+\.|#+|>)\s+", "", line))


def _table_texts(path: Path, source: str) -> Iterator[Text]:
    rows = csv.DictReader(io.StringIO(source))
    if not set(rows.fieldnames or ()) & _PROSE_COLUMNS:
        return
    for number, row in enumerate(rows, 2):
        for column in sorted(_PROSE_COLUMNS & set(row)):
            yield Text(path, number, "prose", row[column] or "")


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _without_code(docstring: str) -> str:
    """Drop examples: doctest lines with their output, indented blocks after `::`, and fenced blocks."""
    text = re.sub(r"^( *)```.*?^ *``` *$", _blank, docstring, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *>>>.*?(?=\n\s*\n|\Z)", _blank, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"::\n\n(?:(?: {4}.*)?\n?)*", _blank, text)


def sentences(text: str) -> list[str]:
    """Split a text into sentences: at full stops, at blank lines and at the items of a list."""
    plain = re.sub(r"`[^`]*`", "X", text)
    plain = re.sub(r"\b(e\.g|i\.e|etc|vs|cf|approx|No)\.", r"\1", plain)
    blocks = (
        " ".join(block.split()) for block in re.split(r"\n\s*\n|\n\s*(?=[-*+] |\d+\. |[\w, ]{1,40}: )", plain)
    )
    return [part for block in blocks for part in re.split(r"(?<=[.!?])[)\"'”’]*\s+(?=\S)", block) if part]


def words(sentence: str) -> list[str]:
    """Return the words of a sentence; numbers and signs between words do not count."""
    return re.findall(r"[A-Za-z][\w'’.-]*", sentence)


def old_words(text: Text) -> Iterator[Finding]:
    """Yield the words of the text that the glossary replaces."""
    pattern, _ = _old_words()
    if pattern.search(text.text):
        for old, new in _old_words()[1]:
            if re.search(rf"\b(?:{old})\b", text.text, flags=re.IGNORECASE):
                yield Finding(text, "old word", f"{old} -> {new}")


@cache
def _old_words() -> tuple[re.Pattern[str], tuple[tuple[str, str], ...]]:
    """Return one pattern for all old words, and each with its replacement."""
    pairs = _replacements("old_words.txt")
    return re.compile(rf"\b(?:{'|'.join(old for old, _ in pairs)})\b", re.IGNORECASE), pairs


@cache
def _replacements(name: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of an old word and its replacement."""
    rows = (line.partition("->") for line in _lines(name))
    return tuple((old.strip(), new.strip()) for old, _, new in rows)


def old_names(path: Path) -> Iterator[Finding]:
    """Yield the identifiers of a Python file that the glossary replaces."""
    replaced = dict(_replacements("old_names.txt"))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for name, line in _bound_names(node):
            if name.lstrip("_") in replaced:
                text = Text(path, line, "name", name)
                yield Finding(text, "old name", f"{name} -> {replaced[name.lstrip('_')]}")


def _bound_names(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a node defines, with their lines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, node.lineno


def has_verb(docstring: str) -> bool:
    """Return whether a docstring has a finite verb: an imperative that begins a clause, or a finite form."""
    starting, finite, ambiguous = _verbs()
    for sentence in sentences(docstring):
        spoken = [word.lower().rstrip(".") for word in words(sentence)]
        starts = {
            *spoken[:1],
            *(word.lower() for word in re.findall(r"[:;,—] (?:and |then )?(\w+)", sentence)),
        }
        if starting & starts or finite & set(spoken):
            return True
        if any(word in ambiguous and after in _lines("after_a_verb.txt") for word, after in pairwise(spoken)):
            return True
    return False


@cache
def _verbs() -> tuple[set[str], set[str], set[str]]:
    """Return the forms that begin a clause, those that are verbs anywhere, and those that may be nouns."""
    imperatives, nouns = set(_lines("verbs.txt")), set(_lines("nouns_like_verbs.txt"))
    third_person = {_third_person(verb) for verb in imperatives}
    return (
        imperatives | (third_person - nouns),
        set(_lines("finite_verbs.txt")) | third_person - nouns,
        third_person & nouns,
    )


def _third_person(verb: str) -> str:
    if re.search(r"(s|x|z|ch|sh|o)$", verb):
        return f"{verb}es"
    return re.sub(r"([^aeiou])y$", r"\1ie", verb) + "s"


def check(path: Path) -> list[Finding]:
    """Return the old words and names, and the docstrings without a verb, of one file."""
    findings = list(old_names(path)) if path.suffix == ".py" else []
    for text in texts(path):
        findings += old_words(text)
        if text.kind == "docstring" and not has_verb(text.text):
            findings.append(Finding(text, "no verb", text.text.split("\n")[0]))
    return findings


def long_sentences(paths: Iterable[Path]) -> tuple[list[Finding], int]:
    """Return the sentences over 30 words, and the number of all sentences."""
    total = 0
    found = []
    for path in paths:
        for text in texts(path):
            for sentence in sentences(text.text):
                total += 1
                length = len(words(sentence))
                if length > MAX_WORDS:
                    found.append(Finding(text, f"{length} words", sentence))
    return found, total


def main(arguments: list[str]) -> int:
    """Print the findings and the long sentences; return 1 if there is one."""
    paths = files(Path(argument) for argument in arguments)
    findings = [finding for path in paths for finding in check(path)]
    long, total = long_sentences(paths)
    for finding in [*findings, *long]:
        sys.stdout.write(f"{finding}\n")
    summary = f"{len(findings)} findings; {len(long)} of {total} sentences are over {MAX_WORDS} words"
    sys.stdout.write(f"{summary}\n")
    return 1 if findings or long else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
