"""Server-side apply on trees."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shale.kube import merge

KEYS = st.sampled_from("abc")
TREES = st.recursive(
    st.dictionaries(KEYS, st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2), max_size=3),
    lambda below: st.dictionaries(KEYS, below | st.integers(0, 3), max_size=3),
    max_leaves=8,
)


def applied(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    managers: dict[str, Any] = {}
    for manager, wanted in steps:
        tree, managers = merge.apply(tree, managers, manager, wanted)
    return tree


@given(TREES)
def test_leaves_build_the_tree_they_are_of(tree):
    assert merge.build(merge.leaves(tree)) == tree


@given(TREES)
def test_what_is_applied_first_is_the_tree(tree):
    assert applied(("user", tree)) == tree


@given(TREES, TREES)
def test_one_manager_alone_has_what_it_applied_last(first, second):
    assert applied(("user", first), ("user", second)) == second


@given(TREES, TREES)
def test_what_is_wanted_is_there_whatever_others_want(first, second):
    leaves = merge.leaves(applied(("other", first), ("user", second)))
    wanted = {path: value for path, value in merge.leaves(second).items() if value != {}}
    assert wanted.items() <= leaves.items() or all(leaves[path] == value for path, value in wanted.items())


@given(TREES, TREES)
def test_applying_again_changes_nothing(first, second):
    tree, managers = merge.apply({}, {}, "other", first)
    once = merge.apply(tree, managers, "user", second)
    assert merge.apply(*once, "user", second) == once


def test_what_another_applied_stays():
    assert applied(("user", {"a": 1}), ("retry", {"b": 2}), ("user", {"a": 3})) == {"a": 3, "b": 2}


def test_what_is_left_out_goes_with_the_maps_that_it_empties():
    assert applied(("user", {"a": {"b": {"c": 1}}, "d": 1}), ("user", {"d": 1})) == {"d": 1}


def test_what_two_applied_alike_stays_until_both_leave_it_out():
    both = [("user", {"a": 1}), ("other", {"a": 1}), ("user", {})]
    assert applied(*both) == {"a": 1}
    assert applied(*both, ("other", {})) == {}


def test_who_is_overruled_no_longer_owns():
    assert applied(("user", {"a": 1}), ("retry", {"a": 2}), ("user", {})) == {"a": 2}


def test_a_list_is_replaced_whole():
    assert applied(("user", {"a": [1, 2]}), ("other", {"a": [3]})) == {"a": [3]}


def test_a_map_in_place_of_a_value_takes_the_place():
    assert applied(("user", {"a": 1}), ("other", {"a": {"b": 2}})) == {"a": {"b": 2}}
    assert applied(("user", {"a": {"b": 2}}), ("other", {"a": 1})) == {"a": 1}


def test_one_of_several_storages_is_exchanged_for_another():
    first, second = {"storage": {"nfs": {"server": "a", "path": "/"}}}, {"storage": {"pvc": {"claimName": "b"}}}
    assert applied(("user", first), ("user", second)) == second
