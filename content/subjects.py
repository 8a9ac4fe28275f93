"""Learns from an article's own title, headings and prose what it is about."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from content.claims import terms

#: Words of headings that say what a section is for, not what it is about.
NOT_A_SUBJECT = frozenset(
    """work how benefit advantage prepar prepare ready before after aftercar aftercare care expect understand explain
    conclus safe effective effect risk side result last begin start introduc use choose choos advantage reason love
    type kind differ myth mistak mistake tip step guid guide routin regular treat client expert skin thing know everyth
    everything make made way right proper best most get first visit time often cost long overview basic simple introduct
    scienc behind inside process procedur happen during look feel improve help show see need must should question
    answer common usual sensitive suit who home day week month day-to-day advise tell consult result immediate heal
    recovery post pre protect produce product protect good better new truth fact fiction free complete entire whole
    method techniqu technique option idea ideal candid candidate person perfect big little find pick buy shop keep maintain last
    enjoy beauty beauti summari final thought word verdict takeaway short mean your real avoid wait stop become step-by-step
    temporary reduce increase course simpl worth try trust today tomorrow secret ultim essenti lowdown meet journey
    downtim downtime session sitting lesson art power magic insid out step answer main key gradual finish clinic quick
    inform information pro con pros cons do dos dont danger caution problem solut solution issu long-term term""".split()
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What an article is about: the concepts of its title and headings, and how common each is in its prose."""

    core: frozenset[str]
    purpose: frozenset[str]  #: what a heading names after "for": acne scars, in "microneedling for acne scars"
    prose: frozenset[str]  #: concepts that the prose of the article holds

    @property
    def name(self) -> str:
        """Return the subject in words."""
        return " ".join(sorted(self.core))


def about(heading: str, language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return what a heading is about, and what for: the concepts before and after the word "for"."""
    before, _, after = heading.partition(" for ")
    main = terms(before, language) - NOT_A_SUBJECT
    purpose = terms(after, language) - NOT_A_SUBJECT
    return (main, purpose - main) if main else (purpose, frozenset())


def learn(title: str, headings: Sequence[str], prose: Iterable[frozenset[str]], language: str) -> Subject:
    """Return what an article with these headings and, per section, these concepts is about.

    A concept is at the core when the title or half as many headings as the commonest concept's name it. Without a
    telling heading, the concepts that most sections of the prose share stand in.
    """
    sections = tuple(prose)
    spread = Counter(t for section in sections for t in section)
    counts: Counter[str] = Counter()
    purposes: set[str] = set()
    for heading in (title, title, *headings):
        main, purpose = about(heading, language)
        counts.update(main)
        purposes |= purpose
    known = {t: n for t, n in counts.items() if n > 1 or t in spread or len(headings) <= 2}
    if not known:
        known = {t: n for t, n in spread.items() if 2 * n > len(sections) and t not in NOT_A_SUBJECT}
    top = max(known.values(), default=0)
    core = frozenset(t for t, n in known.items() if 2 * n >= top)
    return Subject(core, frozenset(purposes) - core, frozenset(spread))
