import numpy as np

from content.embeddings import BACKGROUND, align, place, place_sections, unit
from content.text import spans, words
from tests.content.vectors import HandMade

VECTORS = HandMade({"fades": "weaken", "weakens": "weaken", "lamp": "light", "bulb": "light", "oil": "oil"})


def likeness(*texts: str) -> np.ndarray:
    rows = place(VECTORS, texts)
    return np.round(rows @ rows.T, 2)


def test_sentences_of_other_words_with_the_same_meaning_point_the_same_way() -> None:
    found = likeness("The lamp weakens.", "A bulb fades.", "Some oil.")
    assert found[0, 1] > 0.95
    assert found[0, 2] < 0.2


def test_a_text_has_unit_length_however_long_it_is() -> None:
    rows = place(VECTORS, ("lamp", "lamp bulb oil " * 500))
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_a_sentence_without_words_lies_nowhere() -> None:
    assert not place(VECTORS, ("💅 …", "lamp"))[0].any()


def test_no_sentence_at_all_is_fine() -> None:
    assert len(place(VECTORS, ())) == 0


def test_what_every_sentence_says_does_not_make_two_of_them_alike() -> None:
    shared = [f"oil {word}" for word in ("lamp", "fades", "plain", "other")] * 50
    found = likeness(*shared)
    assert found[0, 1] < 0.3  # without taking out the common part it would be above 0.7


def test_sections_are_told_apart_by_what_not_all_of_them_say() -> None:
    texts = [f"oil oil oil {word}" for word in ("lamp", "fades", "plain", "bulb")] * 50
    rows = unit(place_sections(VECTORS, texts))
    assert rows[0] @ rows[3] > 0.95
    assert rows[0] @ rows[1] < 0  # without taking out the common part it would be 0.9


def test_alignment_is_the_mean_of_the_best_matches_both_ways() -> None:
    table = np.array([[1.0, 0.0, 0.8], [0.0, 1.0, 0.2], [0.8, 0.2, 1.0]])
    # The first group holds two sentences: they find 0.8 and 0.2; the one of the second group finds 0.8.
    assert np.allclose(align(table, [0, 2]), [[1.0, 0.65], [0.65, 1.0]])


def test_the_order_of_the_sentences_changes_no_rounded_likeness() -> None:
    texts = ("The lamp weakens.", "A bulb fades slowly.", "Some oil, then a lamp.")
    forth, back = likeness(*texts), likeness(*reversed(texts))
    assert (forth == back[::-1, ::-1]).all()


def test_the_background_is_plain_sentences() -> None:
    assert all(len(list(spans(text))) == 1 and len(words(text)) > 4 for text in BACKGROUND)
