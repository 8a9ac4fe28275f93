"""The closed lists of words that the comparison knows: stop words, negations, opposites, safety, products."""

from functools import cache

from content.quantities import UNITS
from content.text import stem_all

_STOP = {
    "en": """a about above all also although am an and any are as at be because been being both but by can could did
        do does doing done during each either else even for from further had has have having he her here hers him his
        how i if in into is it its itself just let like may me might mine most much my no nor not of off on onto once only
        or other our ours out over own per quite rather really same she should so some such than that the their them
        then there these they this those though through to too under until up upon us very was we well were what when
        where whether which while who whom whose why will with within without would yet you your yours yourself
        don't doesn't isn't aren't won't can't cannot shouldn't wasn't didn't it's you'll you're there's that's
        always never however therefore thus hence instead meanwhile additionally moreover furthermore overall
        finally way thing lot kind sort still already around along across among between every another one go come""",
    "de": """der die das den dem des ein eine einer einem einen eines und oder aber nicht kein keine ist sind war waren
        wird werden wurde kann können soll sollte muss müssen hat haben auf aus bei bis durch für gegen in im ins mit
        nach von vom vor zu zum zur über unter um an am als auch dass daß wenn weil wie wo was wer sich sie er es wir
        ihr ihre ihren sein seine man noch nur schon sehr so""",
    "fr": """le la les l un une des du de d et ou mais ne pas plus est sont était être a ont avoir peut doit il elle ils
        elles on nous vous se sa son ses leur leurs ce cet cette ces qui que quoi dont où dans en sur sous par pour
        avec sans au aux y n s c j qu si comme très aussi""",
}

#: Concepts that nearly every beauty sentence may hold: they count a third.
GENERIC = frozenset({"know as", "form of", "feel like", "range of"}) | frozenset(
    """use avoid treat client expert skin help look must advise make get keep take usual area give want bring feel start
    begin good great way work well know find stop wait need area after before first finish result product day time
    advantage benefit thing improve various different include involve provide offer type become leave set ensure
    regular choose tell check consult simple process step popular form made finish entire enough little safe effective risk want lot several course minimum maximum gradual quick turn primari abil main address condition potenti certain specif particular import essenti associ struggl promis seek valuabl addit form call everyth mean plan extra popular stage togeth ever possibl case user moment""".split()
)

#: A clause with one of these says no; "avoid" does, in the advice that beauty articles give.
NEGATIVE = frozenset(
    """not no never nor neither cannot don't doesn't isn't aren't won't can't shouldn't wasn't didn't avoid
    unsuit unsaf unnecessari unlik none nobodi fail lack miss absent refus forbid forbidden prohibit ban nicht kein keine keinen keiner nie ohne ne pas jamais aucun""".split()
)

#: "Not only" and "no longer than" deny nothing about what they speak of.
AFFIRMED = frozenset(
    {("not", "only"), ("not", "just"), ("no", "matter"), ("no", "more"), ("no", "less"), ("no", "longer")}
)

OPPOSITES = frozenset(
    frozenset(pair.split(" | "))
    for pair in """before | after
morning | night
increase | reduce
stimulate | gradual
begin | finish
good | bad
best | worst
dry | damp
dry | oily
dry | hydrate
heat | cool
thick | thin
strong | mild
maximum | minimum
permanent | temporary
quick | gradual
pain | painless
first | finish
begin | stop
light | dark
fade | dark
long | short
loose | tight
open | close
upper | lower
inner | outer
high | low
hard | soft
safe | danger
safe | unsaf
suit | unsuit
cheap | expens
clear | cloudi
prevent | cause
improve | worsen
damage | protect
add | remove
natural | synthet
natural | artifici
mineral | chemic
superfici | deep
shallow | deep
daili | rare
rare | usual
rare | regular
towards | away
increas | decreas
same | differ
rough | smooth
young | old
warm | cool
empti | full
rinse | leave
thin | plump
early | late
immediate | delay
man | woman
adult | child""".splitlines()
)

#: Words that mark a warning or the people it is for: a sentence that brings a new one always stands.
SAFETY = frozenset(
    """pregnant breastfeed allergy infect medication antiviral antibiotic swell bruise burn blister bleed scar doctor
    eczema psoriasi rosacea dermat diabet epilepsi cancer chemotherapi radiotherapi pacemak implant heart kidney liver
    blood autoimmun immun keloid wound cut open herpe lupus asthma nut aspirin isotretinoin roaccutan accutan warfarin
    ibuprofen steroid cortison insulin child children babi teenag minor age toxic poison fume ingest swallow eye vision
    urgent hospit sever pus fever danger risk warn caution contraind unsaf unsuit prohibit forbidden never
    antihistamin anaphylaxi nausea dizzi faint vein varicos thrombosi migrain melanoma mole metal surgeri botox filler
    irritate photosensitive immunocompromis elder men women darker vegan""".split()
) | {"all skin type", "patch test", "cold sore", "blood thinner", "side effect", "sunbed", "sensitive", "expire"}

#: Ingredients, products, tools and places on the body. One that the other sentence lacks is another fact.
NAMED = frozenset(
    """retinol retin retinoid tretinoin adapalen bakuchiol glycolic salicylic lactic azelaic mandelic aha benzoyl hyaluronic
    niacinamide peptide ceramide collagen elastin keratin biotin squalan squalen panthenol aloe arnica zinc titanium
    avobenzon hydroquinon koji tranexam urea glycerin glycerol shea jojoba argan castor coconut almond lavend rosehip
    caffein charcoal kaolin clay petroleum petrolatum vaselin lanolin beeswax soy paraffin formaldehyd aceton lidocain
    paracetamol snail mucin cica centella turmer matcha honey yoghurt oat chamomil calendula allantoin silicon sulphur
    sulfur sulphat sulfat paraben ammonia peroxid henna magnesium iron copper selenium omega probiot saffron rose neem
    tint toner serum moisturiser mask sunscreen mascara makeup shampoo oil balm mist essenc primer concealer eyelin
    lipstick powder laser led radiofrequency ultrasound microneedl dermarol cryotherapi plasma hifu cup guasha
    neck eye lip brow lash hand foot feet scalp cheek chin jaw jawlin forehead nose ear bikini leg arm
    underarm chest back decolletag eyelid temple mouth thread wax shave razor tweezer sauna steam swim exercise sunbed
    vitamin aspirin alcohol drink smoke caffeine glu tape lamp fragrance brush tint dye pluck soak trim comb scrub floss
    botox filler toxin sugar salt water milk acid enzyme papaya bromelain resorcinol phenol tca""".split()
) | {"vitamin a", "vitamin c", "wash", "gel polish", "tea tree", "hair conditioner", "heat protect"}

#: Words that open a condition: what they bring must be in the other sentence too.
CONDITIONS = frozenset("if unless only except provid wenn falls si sauf".split())


@cache
def stop_stems(language: str) -> frozenset[str]:
    """Return the stop words of a language, and their stems. English ones stand in where we know none."""
    code = language[:2].lower() if language[:2].lower() in _STOP else "en"
    found = _STOP[code].split()
    return frozenset(found) | frozenset(stem_all(found, code))


@cache
def unit_stems() -> frozenset[str]:
    """Return the units and number words: the guards read them, the comparison of words does not."""
    numbers = """one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty
        sixty seventy eighty ninety hundred thousand once twice half dozen few several couple every"""
    found = [u for u in UNITS if u.isalpha() and len(u) > 1] + numbers.split()
    parts_of_the_day = {"night", "nights", "evening", "evenings", "even"}  # "in the morning" is not "in the evening"
    concepts = {"day", "week", "month", "year"}
    return (frozenset(found) | frozenset(stem_all(found)) | concepts) - parts_of_the_day
