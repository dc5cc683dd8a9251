"""What is printed."""

import pytest
import yaml

from shale.cli.screen import Sheet, clean, document, line, note, say


def test_rows_that_come_later_stand_below_the_columns(capsys):
    sheet = Sheet(("name", "phase"))
    sheet.show([("a-long-name", "Packing")])
    sheet.show([("b", "Ready")])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "PHASE"]
    assert head.index("PHASE") == first.index("Packing") == second.index("Ready")


def test_a_long_cell_is_neither_wrapped_nor_cut(capsys):
    Sheet(("digest",)).show([("sha256:" + "a" * 300,)])
    assert "a" * 300 in capsys.readouterr().out


@pytest.mark.parametrize("text", ["\x1b[2Jx", "a\nb", "a\rb", "\x9b31m"])
def test_what_could_move_a_cursor_is_taken_out(text, capsys):
    say(text)
    note(text)
    Sheet(("x",)).show([(text,)])
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    assert clean(text).isprintable()


def test_markup_is_text(capsys):
    Sheet(("x",)).show([("[red]a[/red]",)])
    assert "[red]a[/red]" in capsys.readouterr().out


def test_a_document_keeps_its_order_and_its_letters(capsys):
    document({"b": 1, "a": "ü"}, "yaml")
    assert capsys.readouterr().out == "b: 1\na: ü\n"
    document({"b": 1, "a": "ü"}, "json")
    assert capsys.readouterr().out == '{\n  "b": 1,\n  "a": "ü"\n}\n'


def test_one_of_many_is_a_line_of_json_or_a_yaml_document(capsys):
    line({"a": 1})
    assert capsys.readouterr().out == '{"a":1}\n'
    for number in (1, 2):
        line({"a": number, "b": ("x",)}, "yaml")
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [{"a": 1, "b": ["x"]}, {"a": 2, "b": ["x"]}]
