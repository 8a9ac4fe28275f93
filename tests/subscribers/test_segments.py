"""A segment says what its conditions know, and nothing else."""

from datetime import date

import pytest

from subscribers.preferences import Rhythm
from subscribers.segments import (
    Clicked,
    Joined,
    LanguageIs,
    RhythmIs,
    Segment,
    SegmentError,
    Tagged,
    TopicIs,
    parse_segment,
)


def test_every_condition_has_a_name() -> None:
    said = {
        "all": [
            {"topic": ["skin", "hair"]},
            {"joined": {"since": "2026-01-01", "before": "2026-07-01"}},
            {"rhythm": ["daily"]},
            {"language": ["en"]},
            {"clicked": {"since": "2026-11-01"}},
        ],
        "but": [{"tag": ["staff"]}],
    }

    assert parse_segment(said) == Segment(
        (
            TopicIs(("skin", "hair")),
            Joined(date(2026, 1, 1), date(2026, 7, 1)),
            RhythmIs((Rhythm.DAILY,)),
            LanguageIs(("en",)),
            Clicked(date(2026, 11, 1)),
        ),
        (Tagged(("staff",)),),
    )
    assert parse_segment({}) == Segment()


@pytest.mark.parametrize(
    "said",
    [
        *("", [], None, {"sql": "1=1"}, {"all": "topic"}, {"all": ["topic"]}, {"all": [{"sql": ["1=1"]}]}),
        *({"all": [{"topic": []}]}, {"all": [{"topic": "skin"}]}, {"all": [{"topic": {"since": "2026-01-01"}}]}),
        *({"all": [{"topic": ["x" * 65]}]}, {"all": [{"topic": [1]}]}, {"all": [{"topic": ["a\nb"]}]}),
        *({"all": [{"tag": ["x"] * 51}]}, {"all": [{"tag": ["x"]}] * 21}, {"all": [{"rhythm": ["hourly"]}]}),
        *(
            {"all": [{"joined": {}}]},
            {"all": [{"joined": {"since": "soon"}}]},
            {"all": [{"joined": {"x": "2026-01-01"}}]},
        ),
        *({"all": [{"topic": ["a"], "tag": ["b"]}]}, {"all": [{"clicked": ["2026-01-01"]}]}),
    ],
)
def test_whatever_else_is_said_is_refused(said: object) -> None:
    with pytest.raises(SegmentError):
        parse_segment(said)
