"""An answer is judged by who it is about; a doubt is a doubt; the sum holds."""

import pytest

from subscribers.deliveries import REPLY_CHARACTERS, Cause, Outcome, Receipt, Stage, Tally, judge, sign

ACCEPTED, REFUSED, DEFERRED = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.DEFERRED
PENDING, UNCERTAIN = Outcome.PENDING, Outcome.UNCERTAIN


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "outcome", "cause"),
    [
        (Stage.DOT, 250, "2.0.0", ACCEPTED, Cause.NONE),
        (Stage.DOT, 354, "", UNCERTAIN, Cause.CONNECTION),
        (Stage.DOT, 0, "", UNCERTAIN, Cause.CONNECTION),
        (Stage.DOT, 421, "4.3.2", PENDING, Cause.PACE),
        (Stage.DOT, 451, "", DEFERRED, Cause.MAILBOX),
        (Stage.DOT, 451, "4.7.1", DEFERRED, Cause.PACE),
        (Stage.DOT, 550, "5.1.1", REFUSED, Cause.ADDRESS),
        (Stage.DOT, 550, "5.7.1", PENDING, Cause.CONTENT),
        (Stage.DOT, 554, "", PENDING, Cause.CONTENT),
        (Stage.DOT, 552, "5.3.4", PENDING, Cause.CONTENT),
        (Stage.DOT, 552, "5.2.2", REFUSED, Cause.MAILBOX),
        (Stage.DATA, 250, "", PENDING, Cause.CONNECTION),
        (Stage.DATA, 451, "", DEFERRED, Cause.MAILBOX),
        (Stage.DATA, 554, "5.7.1", REFUSED, Cause.POLICY),
        (Stage.RCPT, 250, "", PENDING, Cause.CONNECTION),
        (Stage.RCPT, 421, "", PENDING, Cause.PACE),
        (Stage.RCPT, 450, "4.2.0", DEFERRED, Cause.MAILBOX),
        (Stage.RCPT, 452, "4.5.3", DEFERRED, Cause.PACE),
        (Stage.RCPT, 550, "", REFUSED, Cause.ADDRESS),
        (Stage.RCPT, 550, "5.1.1", REFUSED, Cause.ADDRESS),
        (Stage.RCPT, 550, "5.1.10", REFUSED, Cause.ADDRESS),
        (Stage.RCPT, 550, "5.1.8", PENDING, Cause.US),
        (Stage.RCPT, 550, "5.4.1", REFUSED, Cause.MAILBOX),
        (Stage.RCPT, 550, "5.7.26", REFUSED, Cause.POLICY),
        (Stage.RCPT, 550, "5.9.9", REFUSED, Cause.POLICY),
        (Stage.RCPT, 550, "4.2.1", DEFERRED, Cause.MAILBOX),
        (Stage.RCPT, 552, "", REFUSED, Cause.MAILBOX),
        (Stage.RCPT, 554, "", REFUSED, Cause.POLICY),
        (Stage.RCPT, 999, "", PENDING, Cause.CONNECTION),
        (Stage.MAIL, 451, "", PENDING, Cause.PACE),
        (Stage.MAIL, 550, "5.7.1", PENDING, Cause.US),
        (Stage.CONNECT, 554, "", PENDING, Cause.US),
        (Stage.AUTH, 535, "5.7.8", PENDING, Cause.US),
    ],
)
def test_an_answer_is_judged_by_its_stage_and_its_codes(
    stage: Stage, code: int, enhanced: str, outcome: Outcome, cause: Cause
) -> None:
    assert judge(stage, code, enhanced, "words") == Receipt(outcome, cause, code, enhanced, "words")


def test_a_long_reply_is_cut() -> None:
    assert len(judge(Stage.DOT, 250, "", "x" * 9_999).reply) == REPLY_CHARACTERS


def test_the_sum_holds_or_says_that_it_does_not() -> None:
    whole = Tally(
        candidates=8, accepted=1, refused=1, deferred=1, pending=1, uncertain=1, withdrawn=1, excluded={"a": 1, "b": 1}
    )

    assert whole.adds_up
    assert not Tally(candidates=8, accepted=9).adds_up


@pytest.mark.parametrize(
    ("tally", "done"),
    [
        (Tally(candidates=0), True),
        (Tally(candidates=2, accepted=1, uncertain=1), True),
        (Tally(candidates=2, accepted=1, pending=1), False),
        (Tally(candidates=2, accepted=1, deferred=1), False),
    ],
)
def test_an_edition_is_done_when_nothing_is_left_to_try(tally: Tally, done: bool) -> None:
    assert tally.is_done is done


def test_a_signature_depends_on_edition_person_and_key_alone() -> None:
    one = sign("e", "s", b"k")

    assert one == sign("e", "s", b"k")
    assert len({one, sign("e", "t", b"k"), sign("f", "s", b"k"), sign("e", "s", b"l"), sign("es", "", b"k")}) == 5
    assert len(one) == 16
