"""Recognises what belongs to the page and not to the text: calls to action, disclaimers, bylines, notices."""

import re
from enum import StrEnum
from functools import cache

from content.text import normal


class Furniture(StrEnum):
    """What kind of page furniture a sentence is."""

    CALL = "call to action"
    DISCLAIMER = "disclaimer"
    BYLINE = "byline"
    NOTICE = "notice"


#: Anchored and specific: advice such as "consult a dermatologist" is text, "call us today" is furniture.
_PATTERNS = (
    (Furniture.CALL, r"^(?:please )?(?:subscribe|sign up|join our|follow us|like and share|share this|read (?:more|next|also)"
     r"|click (?:here|below)|shop (?:now|the|our)|get updated with|stay (?:tuned|up to date)|don't miss|download our"
     r"|leave (?:us )?a comment|tell us (?:what|in the comments)|contact us|call us|get in touch|visit our (?:website|shop|store)"
     r"|book (?:now|your|a|an|online|today)\b(?!.*\b(?:week|day|month|hour)s?\b))"),
    (Furniture.CALL, r"\b(?:our newsletter|in your inbox|call us (?:today|now|on)|book (?:a|your) (?:free )?(?:consultation|appointment|"
     r"treatment) (?:today|now|online)|follow us on|link in (?:the )?bio|use (?:the )?code\b|\d+ ?% off)"),
    (Furniture.DISCLAIMER, r"\b(?:(?:for )?informational purposes|(?:does|do|is|are) not (?:a )?(?:substitute|replace|constitute|intended)"
     r".*\badvice|not (?:a substitute for )?(?:professional )?medical advice|individual results (?:may|will)? ?vary)\b"),
    (Furniture.BYLINE, r"^(?:written|reviewed|medically reviewed|edited|words|text|photos?|photography|photo credit|image)s? ?(?:by\b|:)"
     r"|^by [a-z]+ [a-z]+$|^(?:last )?(?:updated|published|posted) (?:on|:)|\b\d+ min(?:ute)? read$"),
    (Furniture.NOTICE, r"^(?:©|copyright\b|all rights reserved)|all rights reserved|affiliate (?:links?|commission)|may earn a (?:small )?commission"
     r"|(?:privacy|cookie) policy|terms (?:and|&) conditions|^advertisement$|^sponsored\b"),
)  # fmt: skip

#: What the patterns that look through a whole sentence cannot do without, by their places: looking for that is quicker.
_NEEDED = {
    1: ("our newsletter", "your inbox", "call us", "book ", "follow us", "bio", "code", "% off", "%off"),
    2: ("purposes", "advice", "results"),
    4: ("©", "copyright", "all rights", "affiliate", "commission", "y policy", "e policy", "terms", "advertisement", "sponsored"),
}  # fmt: skip


@cache  # when they are first needed: compiling takes longer than reading many sentences
def _compiled() -> tuple[tuple[Furniture, re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((kind, re.compile(pattern), _NEEDED.get(n, ("",))) for n, (kind, pattern) in enumerate(_PATTERNS))


#: Every pattern needs one of these; most text has none, and is done with sooner.
_TRIGGERS = (
    "subscribe", "sign up", "join our", "follow us", "like and share", "share this", "read more", "read next", "read also", "click ",
    "shop ", "get updated", "stay tuned", "stay up", "miss", "download our", "comment", "contact us", "call us", "in touch", "visit our",
    "book", "newsletter", "inbox", "in bio", "the bio", "code", "% off", "%off", "al purposes", "advice", "results", "written", "reviewed",
    "edited", "words by", "words:", "text by", "text:", "photo", "image", "updated", "published", "posted", "e read", "n read", "©",
    "copyright", "rights", "affiliate", "commission", "policy", "conditions", "advertisement", "sponsored",
)  # fmt: skip


def _hint(trigger: str) -> str:
    """Return a pattern for the longest word of `trigger`, which may be a part of a word only where the trigger ends."""
    runs = re.finditer(r"[^\W_]+", trigger)
    longest = max(runs, key=lambda run: (run[0] != "the", len(run[0])), default=None)
    if longest is None:
        return "(?!)"  # a sign, and none of ASCII
    return ("^" if longest.start() else "") + longest[0] + ("$" if longest.end() < len(trigger) else "")


@cache
def _hints() -> re.Pattern[str]:
    return re.compile("|".join(map(_hint, _TRIGGERS)))


#: A pattern is looked for in the first so many characters: furniture is short.
LOOKED_AT = 300


def furniture(text: str) -> Furniture | None:
    """Return what kind of furniture the sentence `text` is; None for prose."""
    looked_at = normal(text[:LOOKED_AT]).strip().replace("’", "'")
    if not may_be_furniture(looked_at):
        return None
    for kind, pattern, needed in _compiled():
        if any(part in looked_at for part in needed) and pattern.search(looked_at):
            return kind
    return None


def may_hint(word: str) -> bool:
    """Tell whether the folded `word` may be a part of furniture: plain text without such a word holds none of it.

    "By" is left out, which counts only as the first word of all.
    """
    return _hints().search(word) is not None


def may_be_furniture(lowered: str) -> bool:
    """Tell, quickly, whether some sentence of the folded text `lowered` may be furniture."""
    return lowered.startswith("by ") or any(trigger in lowered for trigger in _TRIGGERS)
