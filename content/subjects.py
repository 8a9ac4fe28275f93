"""Learns from an article's own title, headings and prose what it is about."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from content.claims import sequence, terms
from content.roles import Role, roles
from content.vocabulary import GENERIC, NAMED

#: Words of headings that say what a section is for, not what it is about.
_NOT_A_SUBJECT = """
machine device tool wrong tired hear hearing lies lie few next come came place power actually honest honestly run
side effects
works working worked how benefits advantages preparing preparation ready readiness before after aftercare care caring
expect expectations understanding understand explained explaining conclusion safety safe effective effects risks side
results last lasting begin beginning start starting introducing introduction introduced use using used choose choosing
reasons love loves loved kind kinds type types different difference myths mistakes tips steps step guide guides routine
regular treatment treatments client expert skin things thing know everything anything make making makes made way ways right
proper properly best most get getting got first visit time times often cost costs price prices long overview basics
simple science behind inside process processes procedure happens happen during look looks feel feels improve help helps
show see need needs must should question questions answer answers common usual usually sensitive suitable suit suits who home
day days week weeks month months daily advice tell consult result immediate healing recovery recover post pre protect
protecting product products good better new truth fact facts fiction free complete entire whole method methods technique
techniques option options ideal candidate candidates person people perfect big little find pick picking buy buying shop keep keeping
maintain maintaining maintenance enjoy beauty summary final thoughts words verdict takeaway takeaways short mean means
meaning your our real really avoid avoiding wait stop become temporary reduce increase course worth try trying
trust today tomorrow secret secrets ultimate essential essentials lowdown meet journey downtime session sessions
lesson art power magic out main key gradual finish clinic quick inform information pros cons do dos dont danger dangers
caution problem problems solution solutions issue issues term trend trends year professional professionals explainer
checklist plan planning everyday appointment appointments booking well done without within right really actually does
exactly comparing comparison versus alternative alternatives between combine combining pairing layering mixing storing store
cleaning looking taking taken off removing removal remove safely properly thorough gentle easily easy faq faqs minute minutes
longer longest life extend extending hello all about need-to-know need whats it's inside-out comes goes going come go
"""

#: Subjects that hold a word which are looked at to see whether it is ambiguous alone; more tell nothing new.
CONSIDERED = 50


@dataclass(frozen=True, slots=True)
class Subject:
    """What an article is about: the concepts of its title and headings, and how common each is in its prose."""

    core: frozenset[str]
    purpose: frozenset[str]  #: what a heading names after "for": acne scars, in "microneedling for acne scars"
    prose: frozenset[str]  #: concepts that the prose of the article holds
    compounds: frozenset[str] = frozenset()  #: those of the core that stand right beside another one in a heading
    silent: bool = False  #: neither title nor headings
    firm: bool = True  #: the headings say so, more than once or in line with the prose; else it is a guess
    kin: frozenset[str] = (
        frozenset()
    )  #: the core of another article's subject, where prose is alike and headings are not
    ambiguous: bool = False  #: other articles name this subject together with one of several other things

    @property
    def name(self) -> str:
        """Return the subject in words."""
        return " ".join(sorted(self.core))


@cache
def not_a_subject() -> frozenset[str]:
    """Return the concepts of headings that say what a section is for, not what it is about."""
    return terms(_NOT_A_SUBJECT)


def about(heading: str, language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return what a heading is about, and what for: the concepts before and after the word "for"."""
    before, _, after = heading.partition(" for ")
    main = terms(before, language) - not_a_subject()
    purpose = terms(after, language) - not_a_subject() if after else frozenset[str]()
    return (main, purpose - main) if main else (purpose, frozenset())


@dataclass(frozen=True, slots=True)
class Heading:
    """What a heading says."""

    terms: frozenset[str]
    name: frozenset[str]  #: those of them that name something
    role: Role | None  #: what its section is for, first of all


def read_heading(heading: str, language: str) -> Heading:
    """Return what a heading says; nothing where there is none."""
    if not heading:
        return _NO_HEADING
    role = next(iter(roles(heading)), None)
    return Heading(terms(heading, language), about(heading, language)[0] - GENERIC, role)


_NO_HEADING = Heading(frozenset(), frozenset(), None)


def name_two_things(a: Heading, b: Heading) -> bool:
    """Tell whether two headings say the same, and not of the same thing: how a lash lift works, how retinol works."""
    frame = a.terms - a.name
    return bool(frame) and frame == b.terms - b.name and _apart(a, b)


def may_name_two_things(a: Heading, b: Heading) -> bool:
    """Tell the same of headings that say alike things: how a keratin treatment works, how retinol works.

    "How does bleaching work?" and "How a blonding treatment works" may be of one thing: too little between articles
    that surely have one subject.
    """
    one, other = a.terms - a.name, b.terms - b.name
    alike = bool(one and other) and one - GENERIC == other - GENERIC
    return alike and a.role is not None and a.role is b.role and _apart(a, b)


def _apart(a: Heading, b: Heading) -> bool:
    """Tell whether both name something, and not a word of it is the same: "gel polish" is not apart from "gel"."""
    left, right = ({word for term in h.name for word in term.split()} for h in (a, b))
    return bool(left and right) and left.isdisjoint(right)


def learn(title: str, headings: Sequence[str], prose: Iterable[frozenset[str]], language: str) -> Subject:
    """Return what an article with these headings and, per section, these concepts is about.

    A concept is at the core when the title or half as many headings as the commonest concept's name it. Without a
    telling heading, the concepts that most sections of the prose share stand in.
    """
    sections = tuple(prose)
    spread = Counter(t for section in sections for t in section)
    counts: Counter[str] = Counter()
    purposes: set[str] = set()
    of_title = about(title, language)
    for main, purpose in (of_title, of_title, *(about(heading, language) for heading in headings)):
        counts.update(main)
        purposes |= purpose
    known = {t: n for t, n in counts.items() if n > 1 or t in spread or len(headings) <= 2}
    top = max(known.values(), default=0)
    core = frozenset(t for t, n in known.items() if 2 * n >= top)
    # What the headings name but once and the prose never takes up ("a power wash for your face") names no subject.
    firm = any(known[t] > 1 or t in spread for t in core)
    firm = firm or any(roles(h) and not core.isdisjoint(about(h, language)[0]) for h in headings)
    return Subject(
        core=core,
        purpose=frozenset(purposes) - core,
        prose=frozenset(spread),
        compounds=_compounds((title, *headings), core, language),
        firm=firm,
        silent=not (title or any(headings)),
    )


def _compounds(headings: Sequence[str], core: frozenset[str], language: str) -> frozenset[str]:
    """Return the words of the core that stand right beside another one: both of "lash tint", none of "love your lashes"."""
    pairs = (pair for heading in headings for pair in pairwise(sequence(heading, language)))
    return frozenset(t for a, b in pairs if a in core and b in core and a != b for t in (a, b))


def mark_ambiguous(subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Return the subjects by article; "mask" is ambiguous where others write of clay masks and of sheet masks."""
    cores = {s.core for s in subjects.values()}
    by_term: dict[str, list[frozenset[str]]] = defaultdict(list)
    for core in sorted(cores, key=sorted):
        for term in core:
            by_term[term].append(core)
    ambiguous = {core for core in cores if _is_ambiguous(core, by_term)}
    return {key: replace(s, ambiguous=True) if s.core in ambiguous else s for key, s in subjects.items()}


def _is_ambiguous(core: frozenset[str], by_term: Mapping[str, Sequence[frozenset[str]]]) -> bool:
    if not core:
        return True
    rarest = min((by_term[t] for t in core), key=len)
    extras = [other - core for other in rarest[:CONSIDERED] if core < other]
    return any(a.isdisjoint(b) for a in extras for b in extras)


#: How alike the prose of two articles must be, as a cosine, before one takes its subject from the other, and how much
#: more alike than that of the next best subject.
LIKE_PROSE, CLEARLY = 0.2, 1.8

#: The same for an article whose headings do name something, which no other article's headings do ("the stone").
QUITE_CLEARLY = 4.0

#: Concepts of an article that are looked up among the others: the rarest.
TELLING = 40


def infer(subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Return the subjects by article; where headings tell nothing, that of the article whose prose is most alike.

    "The science behind it" names no subject, but prose about follicles, razors and pulses of light does, once other
    articles have said in their headings what such prose is about.
    """
    number = len(subjects)
    holders: dict[str, list[str]] = defaultdict(list)
    for key in sorted(subjects):
        for term in sorted(subjects[key].prose):
            holders[term].append(key)
    named = Counter(t for s in subjects.values() for t in s.core)
    weights = {
        t: math.log(1 + number / len(keys)) ** 2 for t, keys in holders.items() if 1 < len(keys) <= COMMON_TO * number
    }
    norms = {key: math.sqrt(sum(weights.get(t, 0.0) for t in sorted(s.prose))) or 1.0 for key, s in subjects.items()}
    result = dict(subjects)
    for key, subject in subjects.items():
        if any(named[t] > 1 for t in subject.core):
            result[key] = replace(subject, firm=True)  # other articles say in their headings that this is a subject
            continue
        if subject.silent and number > FEW:
            continue
        settled = subject.firm or any(len(holders[t]) > 1 or t in NAMED for t in subject.core)
        clearly = QUITE_CLEARLY if settled else CLEARLY
        found = _most_alike(key, subject, subjects, holders, weights, norms, clearly)
        if settled:
            result[key] = replace(subject, firm=True, kin=found.core if found else frozenset())
        else:
            result[key] = replace(subject, core=found.core if found else frozenset(), compounds=frozenset())
    return result


#: Concepts that more of the articles hold than this share tell no subject from another.
COMMON_TO = 0.6


def _most_alike(
    key: str,
    subject: Subject,
    subjects: Mapping[str, Subject],
    holders: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    norms: Mapping[str, float],
    clearly: float,
) -> Subject | None:
    """Return the firm subject of the article whose prose is most alike, if it is clearly more so than any other's."""
    rarest = sorted((t for t in subject.prose if t in weights), key=lambda t: (-weights[t], t))[:TELLING]
    likeness: dict[str, float] = defaultdict(float)
    for term in rarest:
        for other in holders[term][:HOLDERS]:
            if other != key and subjects[other].firm:
                likeness[other] += weights[term]
    ranked = sorted(((n / (norms[key] * norms[other]), other) for other, n in likeness.items()), reverse=True)
    if not ranked or ranked[0][0] < LIKE_PROSE:
        return None
    best = subjects[ranked[0][1]]
    rival = next((n for n, other in ranked if subjects[other].core.isdisjoint(best.core)), 0.0)
    return best if ranked[0][0] >= clearly * rival else None


#: Articles that hold a concept which are looked at for it.
HOLDERS = 300

#: Among more articles than this, one without title and headings keeps no subject: an archive of bare texts would cost
#: more to sort by subject than to compare.
FEW = 1000
