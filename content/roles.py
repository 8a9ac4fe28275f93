"""Tells from a heading what a section is for: how it works, what it does for you, what to do before and after."""

import re
from enum import StrEnum
from functools import cache, lru_cache

from content.text import normal


class Role(StrEnum):
    """What a section explains about its subject."""

    WHAT = "what it is"
    HOW = "how it works"
    BENEFITS = "what it does for you"
    PREPARE = "what to do before"
    AFTERCARE = "what to do afterwards"
    EXPECT = "what to expect"
    RISKS = "risks and safety"
    WHO = "who it suits"
    RESULTS = "results and how long they last"
    FREQUENCY = "how often"
    COST = "what it costs"
    USE = "how to use it"
    START = "how to start"
    CHOOSE = "how to choose"
    TYPES = "which kinds there are"
    COMPARE = "how it compares"
    COMBINE = "what goes with it"
    MYTHS = "myths"
    MISTAKES = "mistakes"
    INGREDIENTS = "what is in it"
    HISTORY = "where it comes from"
    STORE = "how to keep it"
    REMOVE = "how to take it off"
    PAIN = "whether it hurts"
    DURATION = "how long it takes"
    CLOSING = "conclusion"


#: The first rule that matches a heading decides; a heading may have several roles where it names several things.
_RULES: tuple[tuple[str, tuple[Role, ...]], ...] = (
    (r"^(?:in )?(?:conclusion|closing|summary|summing up|to sum up|the bottom line|final (?:thoughts|words|verdict)"
     r"|wrapping up|key takeaways?|takeaways?|our verdict|the verdict|in short)\b", (Role.CLOSING,)),
    (r"\b(?:myths?|misconceptions?|lies|rumou?rs?|tall tales?|fact (?:or|and|from|vs) fiction|truth about|debunk\w*|old wives)\b", (Role.MYTHS,)),
    (r"\b(?:go(?:es|ing)? wrong)\b", (Role.RISKS, Role.MISTAKES)),
    (r"\b(?:mistakes?|errors?|getting wrong|get wrong|pitfalls?|what not to do)\b", (Role.MISTAKES,)),
    (r"\b(?:vs|versus|compared?|comparison|differences?|differs?|better than|instead of|alternatives?|sets? \w+ apart)\b", (Role.COMPARE,)),
    (r"\b(?:costs?|prices?|priced|pricing|how much (?:is|does|do|will|should)(?! i)|pay for|budget|worth (?:the )?money|fees?)\b", (Role.COST,)),
    (r"\b(?:hurts?|pain|painful|painless|uncomfortable|discomfort|feels? like|is like|comfortable)\b", (Role.PAIN, Role.EXPECT, Role.HOW)),
    (r"\b(?:how often|how many|how frequently|frequency|schedule|number of (?:sessions|treatments)|how regularly|when to (?:repeat|rebook)"
     r"|top[- ]?ups?|between (?:sessions|appointments|treatments)|how much)\b", (Role.FREQUENCY, Role.USE)),
    (r"\b(?:make .*\blast|last(?:ing)? longer|stay(?:ing)? (?:fresh|put|longer)|prolong\w*|extend\w* the life)\b", (Role.AFTERCARE, Role.RESULTS)),
    (r"\b(?:clean(?:ing)? (?:your|the|a)|wash(?:ing)? your|stor(?:e|age|ing)|shelf life|expir\w+|keep(?:ing)? (?:it|them|your \w+) fresh)\b",
     (Role.STORE, Role.AFTERCARE)),
    (r"\b(?:how long (?:do|does|will|can|before|until).*(?:last|results|work|see)|results?|before and after|lasting|last|lasts|longevity"
     r"|how soon|when will|see (?:a )?(?:change|difference)|timeline)\b", (Role.RESULTS, Role.EXPECT)),
    (r"\b(?:how long|how much time|duration)\b", (Role.DURATION, Role.RESULTS)),
    (r"\b(?:side[- ]effects?|risks?|safe|safety|dangers?|dangerous|warnings?|precautions?|cautions?|downsides?|drawbacks?|complications?"
     r"|when to worry|red flags|watch out|things to watch|stay(?:ing)? safe|adverse)\b", (Role.RISKS,)),
    (r"\b(?:who |whom|whose|suitab\w+|candidates?|(?:right|wrong) for (?:you|me|everyone)|should (?:not |you )?(?:avoid|skip)|contra-?indications?"
     r"|is it for (?:you|me)|eligib\w+|ideal for|good fit|not for everyone|which skin types?|for whom)", (Role.WHO, Role.RISKS)),
    (r"\b(?:expect|expectations?)\b.*\b(?:after\w*|healing|recovery|following)\b", (Role.EXPECT, Role.AFTERCARE)),
    (r"\b(?:after-?care|after|afterwards|post|recovery|recovering|healing|downtime|looking after|take care of|caring for|care for|maintain\w*"
     r"|maintenance|upkeep|preserve|protect your|once (?:it|you)|home ?care|days? following|keep(?:ing)? (?:your|the|them|it)\b)", (Role.AFTERCARE, Role.STORE)),
    (r"\bat home\b", (Role.AFTERCARE, Role.STORE, Role.USE)),
    (r"\b(?:before(?! (?:bed|you sleep|sleep))|prepar\w+|prepping|prep|pre|getting ready|get ready|ready for|ahead of|leading up|run-up|in advance|book(?:ing)?|checklist)\b", (Role.PREPARE,)),
    (r"\b(?:expect|expectations?|day of|on the day|your first (?:visit|appointment|session|time))\b", (Role.EXPECT, Role.HOW)),
    (r"\b(?:benefits?|advantages?|perks?|upsides?|pros|reasons?|good for|why (?:we|you|your|choose|use|try|people|it|have|get|everyone|do|go|bother|is|are)"
     r"|can (?:it )?do for|do(?:es)? for (?:you|your)|loves?|worth (?:it|trying)|gains?|improves?|why)\b", (Role.BENEFITS,)),
    (r"^(?:how to (?:safely )?)?remov(?:e|ing)\b|\b(?:removal of|tak(?:e|ing) (?:[\w-]+ ){0,4}off|soak(?:ing)? off|get(?:ting)? rid)\b", (Role.REMOVE,)),
    (r"\b(?:combin\w+|layer(?:ing)?|mix(?:ing)?|pair(?:ing|s)?|together|go(?:es)? (?:well )?with|work with other|partners?)\b", (Role.COMBINE,)),
    (r"\b(?:types?|kinds?|varieties|forms? of|options|different|strengths?|depths?)\b", (Role.TYPES, Role.CHOOSE)),
    (r"\b(?:choos(?:e|ing)|select(?:ing)?|pick(?:ing)?|find(?:ing)? (?:the|a|your)|buy(?:ing)?|what to look for|look for|shopping|which)\b", (Role.CHOOSE,)),
    (r"\b(?:ingredients?|formula|what(?:'s| is) in|made of|inside the bottle)\b", (Role.INGREDIENTS, Role.WHAT, Role.HOW)),
    (r"\b(?:history|origins?|where (?:it|does)|came from|come from|story of)\b", (Role.HISTORY,)),
    (r"\b(?:start(?:ing|ed)?|begin(?:ning|ners?)?|introduc(?:e|ing)|first steps?|easing|new to)\b", (Role.START, Role.USE)),
    (r"\b(?:step[- ]by[- ]step|techniques?|method|how .*\b(?:used|applied))\b", (Role.HOW, Role.USE)),
    (r"\b(?:how (?:does|do|is|are|it|they)\b(?!.*\b(?:use|apply)\b)|how .* (?:works?|done|performed|carried out)|what (?:is it|does it|it is|it) (?:really |actually )?do\w*|works\b|working|science|procedure|process|mechanism|chemistry|start to finish|stages|from a to z"
     r"|behind|inside an?|during|happens?|what is done|in the (?:chair|clinic|salon|treatment room))\b", (Role.HOW,)),
    (r"\b(?:how to (?:use|apply|do|wear|get)|us(?:e|ing)|appl(?:y|ying|ication)|routine|the right way|getting the (?:most|best)|get the (?:most|best)"
     r"|make the most|tips?|steps?|properly|correctly)\b", (Role.USE, Role.START, Role.HOW)),
    (r"^how to\b", (Role.USE, Role.HOW, Role.START)),
    (r"\b(?:what (?:is|are|does|do|exactly)|meaning|means?|definition|meet)\b", (Role.WHAT,)),
    (r"\b(?:understanding|explained|explainer|introduction|overview|basics|all about|guide|the lowdown|101|at a glance|everything"
     r"|in a nutshell|getting to know|know about|need to know)\b", (Role.WHAT, Role.HOW)),
)  # fmt: skip


@cache  # when it is first needed: compiling them takes longer than reading many headings
def _compiled() -> tuple[tuple[re.Pattern[str], tuple[Role, ...]], ...]:
    return tuple((re.compile(pattern), roles) for pattern, roles in _RULES)


#: A passage that opens with one of these closes its article.
_CLOSING = re.compile(
    r"(?:in (?:conclusion|summary|short|closing|the end|a nutshell)|overall|to (?:conclude|sum(?:marise|marize)?|summarise|"
    r"summarize|wrap up)|all in all|ultimately|in sum|taken together|zusammenfassend|en conclusion)\b[\s,:]"
)


def roles(heading: str) -> tuple[Role, ...]:
    """Return what the heading says its section is for, the likeliest first; nothing when it does not tell."""
    text = _folded(heading)
    return next((found for pattern, found in _compiled() if pattern.search(text)), ())


#: What "What is slugging?" explains is as often how it works, and what hurts is a side effect: neither excludes the other.
_NEXT_TO = {Role.WHAT: frozenset({Role.HOW}), Role.PAIN: frozenset({Role.RISKS})}


@lru_cache(maxsize=8192)
def hints(heading: str) -> frozenset[Role]:
    """Return every role that some rule finds in the heading, and those next to them.

    "Whitening strips at home" tells what to do afterwards, says the first rule that matches; it may as well tell how
    to use them. That is too little to take two sections for one explainer, but enough not to hold them apart.
    """
    text = _folded(heading)
    found = frozenset(role for pattern, named in _compiled() if pattern.search(text) for role in named)
    return found.union(*(_NEXT_TO.get(role, ()) for role in found))


def _folded(heading: str) -> str:
    return normal(heading).replace("’", "'")


def closes(text: str) -> bool:
    """Tell whether a passage opens as a conclusion does."""
    return _CLOSING.match(normal(text.lstrip()[:40])) is not None
