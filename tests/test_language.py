"""Test the language of docstrings, comments, messages and documents against the project's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import language

_PLACE = Path("factorlab_lake/example.py")


def test_no_text_uses_a_replaced_word_and_every_docstring_has_a_verb() -> None:
    """Every tracked text is free of old words and names, and each docstring has a verb."""
    findings = [str(finding) for path in language.files() for finding in language.check(path)]
    assert findings == []


def test_nineteen_of_twenty_sentences_have_at_most_thirty_words() -> None:
    """At most 5 % of the sentences of a kind of file are longer than the limit."""
    for suffix in (".py", ".sql", ".md", ".csv"):
        paths = [path for path in language.files() if path.suffix == suffix]
        long, total = language.long_sentences(paths)
        assert total > 0
        assert len(long) <= 0.05 * total, [str(finding) for finding in long]


@pytest.mark.parametrize(
    ("docstring", "verb"),
    [
        ("Return the rows.", True),
        ("The rows are sorted by date.", True),
        ("A later filing changes nothing.", True),
        ("Symbols and dates: sort both.", True),
        ("What answers.", False),
        ("The rows of one table, by date.", False),
        ("Changes of the newest reports.", False),
    ],
)
def test_a_verb_is_found_where_there_is_one(docstring: str, verb: bool) -> None:  # noqa: FBT001 - a case of the table
    """An imperative or a finite form counts; a noun that looks like one does not."""
    assert language.has_verb(docstring) is verb


def test_each_kind_of_text_of_a_file_is_read(tmp_path: Path) -> None:
    """Docstrings, comments, error messages and help texts are found, with the line they stand on."""
    path = tmp_path / "example.py"
    path.write_text(
        '"""Ask whom it concerns."""\n'
        "# whom the comment\n"
        "# concerns\n"
        'raise ValueError(f"{1}: whom")\n'
        'option(help="whom")\n',
        "utf-8",
    )
    found_texts = [(text.kind, text.line) for text in language.texts(path)]
    assert sorted(found_texts) == [("comment", 2), ("docstring", 1), ("message", 4), ("message", 5)]
    assert [finding.rule for finding in language.check(path)] == ["old word"] * 4


def test_examples_and_code_are_no_prose(tmp_path: Path) -> None:
    """Doctest lines, fenced blocks and table rows of a document are not read as sentences."""
    path = tmp_path / "example.md"
    path.write_text("Run it.\n\n```python\nwhom = 1\n```\n\n| whom | a |\n", "utf-8")
    assert [text.text for text in language.texts(path)] == ["Run it."]


def test_an_old_name_is_found_where_it_is_bound(tmp_path: Path) -> None:
    """Names of functions, arguments and variables count, with or without a leading underscore."""
    path = tmp_path / "example.py"
    path.write_text("def _land(given):\n    found = given\n    return found\n", "utf-8")
    assert [finding.text.text for finding in language.check(path)] == ["_land", "given", "found"]


def test_sentences_end_at_stops_and_at_the_items_of_a_list() -> None:
    """A list item is a sentence of its own; an abbreviation does not end one."""
    text = "One, e.g. this. Two\n\n- three\n- four"
    assert language.sentences(text) == ["One, e.g this.", "Two", "- three", "- four"]
    assert language.words("It has 3 rows of x_y.") == ["It", "has", "rows", "of", "x_y."]
