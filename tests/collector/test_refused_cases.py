"""Tables of sources that cannot be meant are refused with their line and what was expected, in both languages."""

from __future__ import annotations

import pytest
from source_cases import Case, refusal, refused_cases


@pytest.mark.parametrize("case", refused_cases())
def test_a_table_that_cannot_be_meant_is_refused_with_its_line(case: Case) -> None:
    told = refusal(case)
    problem = told.problems[0]
    assert case.refused["where"] in problem.where, case.about
    assert case.refused["found"] in problem.found and case.refused["expected"] in problem.expected, case.about
    assert problem.expected_ko and case.refused.get("korean", "") in told.text("ko"), case.about
