"""CometBFT's table of event queries."""

from collections.abc import Callable

import pytest

from relay_chain.node.event_query import BadQuery, TokenKind, parse_query, scan
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("cometbft/event_query")
TABLE = load_json("cometbft/event_query_syntax.json", {"parse": [], "scan": [], "scan_errors": []})


def names(text: str) -> list[str]:
    return [
        token.text if token.kind in {TokenKind.OPERATOR, TokenKind.AND} else token.kind.value
        for token in scan(text)
    ]


def test_queries_parse_as_in_cometbft(vector_cases: Callable[[int], None]) -> None:
    """
    Exactly the queries that CometBFT takes are taken.
    """
    wrong = []
    for case in TABLE["parse"]:
        try:
            parse_query(case["input"])
            valid = True
        except BadQuery:
            valid = False
        if valid is not case["valid"]:
            wrong.append(case)
    vector_cases(len(TABLE["parse"]))

    assert not wrong


def test_words_are_cometbfts(vector_cases: Callable[[int], None]) -> None:
    """
    A query is cut into the same words.
    """
    for case in TABLE["scan"]:
        assert names(case["input"]) == case["tokens"], case
    vector_cases(len(TABLE["scan"]))


def test_what_is_no_word_is_refused(vector_cases: Callable[[int], None]) -> None:
    """
    The first word of each of these is an error.
    """
    for text in TABLE["scan_errors"]:
        with pytest.raises(BadQuery):
            scan(text)
    vector_cases(len(TABLE["scan_errors"]))
