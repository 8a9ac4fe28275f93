"""Takes characters out of foreign text that no reader is meant to see, by one written rule."""

import re

#: Always dropped: C0 and C1 controls except the white space ones, soft hyphen, zero-width space, word joiner
#: and the invisible operators, byte order mark, embeddings, overrides and isolates (UAX 9: they make text
#: read in another order than it is stored), interlinear annotation, non-characters, and every private-use
#: character: two of them mark personal slots (`content.articles.SLOT_OPEN`), the rest show as empty boxes.
_NEVER = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064"
    "\u206a-\u206f\u202a-\u202e\u2066-\u2069\u3164\ufeff\uffa0\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff\ue000-\uf8ff"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000f0000-\U0010ffff"
)
#: Joiners shape Arabic and Indic words and build emoji; between Latin letters they only hide differences.
_JOINER = "(?<![\u0590-\u1fff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
#: A variation selector belongs to a symbol or to a keycap, tag characters to the black flag (UTS 51).
_SELECTOR = "(?<![\u00a9\u00ae\u2000-\u3300\U0001f000-\U0001faff#*0-9])[\ufe00-\ufe0f]|[\U000e0100-\U000e01ef]"
_TAGS = "(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007f]+"
_DROPPED = re.compile(f"[{_NEVER}]|{_JOINER}|{_SELECTOR}|{_TAGS}")

#: More marks on one base character than any language needs; a tower of them runs over the neighbouring lines.
_TOWER = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)

#: Any character that one of the rules is about. Most texts have none, and looking for one class is quick.
_SUSPECT = re.compile(
    f"[{_NEVER}\v\f\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef\ud800-\udfff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
#: White space that XML cannot hold.
_UNWRITABLE_SPACE = re.compile("[\v\f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DIRECTION = re.compile("[\u200e\u200f]")
#: White space where a line may break, unless it is one space already.
_BREAKS = r"\t\n\r\f\v\x1c-\x1f\x85\u2028\u2029"
_SPACES = re.compile(f" [ {_BREAKS}]+|[{_BREAKS}][ {_BREAKS}]*")

#: A title longer than this is a paragraph by mistake; inboxes show 60 to 90 characters.
TITLE_CHARACTERS = 300
#: A name longer than this is not a name.
NAME_CHARACTERS = 200


def clean(text: str) -> str:
    """Return `text` without characters that are invisible, reorder their neighbours, or are ours alone.

    Line breaks and tabs stay. A lone surrogate, which no database can store, becomes U+FFFD.
    """
    if not _SUSPECT.search(text):
        return text
    text = _UNWRITABLE_SPACE.sub(" ", _SURROGATE.sub("\ufffd", text))
    # Dropping one character can bring two others together, of which the second then stands where it may not.
    while (cleaned := _TOWER.sub(r"\1", _DROPPED.sub("", text))) != text:
        text = cleaned
    return text


def clean_line(text: str, limit: int = TITLE_CHARACTERS) -> str:
    """Return `text` as one clean line of at most `limit` characters, for titles and names."""
    line = squeeze(_DIRECTION.sub("", clean(text))).strip()
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def squeeze(text: str) -> str:
    """Return `text` with every run of breakable white space as one space; a no-break space stays as it is."""
    return _SPACES.sub(" ", text)
