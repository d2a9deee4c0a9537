"""Brokers' documents in any state of disrepair are an error of the kit's tree, or a state that can be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chaos.fuzz_documents import Shape, fuzz, shapes

CASES = 200


@pytest.mark.parametrize("shape", [pytest.param(shape, id=shape.name) for shape in shapes()])
def test_a_document_in_disrepair_is_an_error_of_the_tree_or_a_state_that_can_be(shape: Shape) -> None:
    assert shape.read(shape.document) is not None
    found = fuzz(shape, CASES, seed=1)
    assert found.wrong == []
    assert found.states + found.errors == CASES
