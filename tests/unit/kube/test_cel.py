"""Where rules are asked, and of what."""

from shale.kube import cel

POSITIVE = {"rule": "self.n > 0", "message": "n must be positive"}
RISES = {"rule": "self.n >= oldSelf.n", "message": "n may only rise"}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "x-kubernetes-validations": [POSITIVE, RISES]}
WORLD = {
    "type": "object",
    "properties": {
        "one": NUMBER,
        "many": {"type": "array", "items": NUMBER},
        "named": {"type": "object", "additionalProperties": NUMBER},
    },
}


def test_a_rule_at_the_root_has_no_path():
    assert cel.broken(NUMBER, {"n": 0}) == ["n must be positive"]


def test_a_rule_is_asked_where_its_node_is():
    assert cel.broken(WORLD, {"one": {"n": 0}}) == ["one: n must be positive"]
    assert cel.broken(WORLD, {}) == []


def test_a_rule_is_asked_of_every_entry_of_a_list_and_of_a_map():
    assert cel.broken(WORLD, {"many": [{"n": 1}, {"n": 0}]}) == ["many[1]: n must be positive"]
    assert cel.broken(WORLD, {"named": {"a": {"n": 1}, "b": {"n": 0}}}) == ["named.b: n must be positive"]


def test_a_rule_about_a_change_is_asked_only_of_what_was_there_before():
    assert cel.broken(WORLD, {"one": {"n": 1}}, {"one": {"n": 2}}) == ["one: n may only rise"]
    assert cel.broken(WORLD, {"one": {"n": 1}}, {}) == []
    assert cel.broken(WORLD, {"one": {"n": 1}}) == []
    assert cel.broken(WORLD, {}, {"one": {"n": 2}}) == []


def test_a_rule_about_a_change_follows_the_keys_of_a_map():
    assert cel.broken(WORLD, {"named": {"a": {"n": 1}}}, {"named": {"a": {"n": 2}}}) == ["named.a: n may only rise"]


def test_entries_of_an_atomic_list_have_no_before():
    assert cel.broken(WORLD, {"many": [{"n": 1}]}, {"many": [{"n": 2}]}) == []


def test_a_rule_that_cannot_be_evaluated_is_broken():
    assert cel.broken(NUMBER, {}) == ["n must be positive"]
