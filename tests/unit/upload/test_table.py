from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from gen3d_upload import table
from hypothesis import given
from hypothesis import strategies as st

numbers = st.integers(-(10**30), 10**30) | st.floats(-1e9, 1e9, allow_subnormal=False).filter(
    lambda number: number == 0 or abs(number) > 1e-100
)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
rows = st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=6)


@given(row=rows)
def test_a_row_comes_back_as_it_was_written(row: dict[str, Any]) -> None:
    assert table.unpack(table.pack(row)) == row


@given(number=numbers)
def test_numbers_may_be_written_in_any_way(number: float) -> None:
    for digits in (str(number), f"{Decimal(str(number)):E}", f"{Decimal(str(number)):f}"):
        assert table.unpack({"n": {"N": digits}}) == {"n": pytest.approx(number, rel=1e-15)}


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="SS"):
        table.unpack({"set": {"SS": ["a"]}})
