"""Pages are printed for people: stable, indented, nothing hidden behind an alias."""

import json

import yaml

from shale.blueprint.pages import NOTE, as_json, as_yaml

SHARED = {"type": "string"}
PAGE = {"zebra": [SHARED, SHARED], "ant": {"long": "word " * 40, "yes": "yes", "é": 1}}


def test_yaml_says_who_prints_it():
    assert as_yaml(PAGE).startswith(f"# {NOTE}\n")


def test_yaml_reads_back_as_what_was_printed():
    assert yaml.safe_load(as_yaml(PAGE)) == PAGE


def test_yaml_keeps_the_order_of_keys():
    assert list(yaml.safe_load(as_yaml(PAGE))) == ["zebra", "ant"]


def test_yaml_writes_equal_things_out_and_indents_lists():
    assert as_yaml({"zebra": [SHARED, SHARED]}).split("\n", 1)[1] == "zebra:\n  - type: string\n  - type: string\n"


def test_yaml_keeps_letters_as_they_are():
    assert "é: 1" in as_yaml(PAGE)


def test_yaml_wraps_long_text_at_the_word_that_reaches_120():
    assert max(len(line) for line in as_yaml(PAGE).splitlines()) <= 120 + len("word")


def test_json_says_who_prints_it_and_reads_back():
    assert json.loads(as_json(PAGE)) == {"$comment": NOTE, **PAGE}
    assert as_json(PAGE).endswith("}\n")


def test_the_same_page_is_printed_the_same():
    assert (as_yaml(PAGE), as_json(PAGE)) == (as_yaml(PAGE), as_json(PAGE))
