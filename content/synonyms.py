"""Words that say the same in beauty articles, in our own selection: one concept a line, its name first.

Only words that may replace each other without changing a fact belong on one line. Ingredients and products that are
merely alike (retinol, retinal) stay apart: the guards would otherwise call them the same. Phrases may have several
words; words are written in any form, because both sides are stemmed.
"""

from functools import cache

from content.text import stem_all, words

#: The head start. What is missing here costs recall, never a fact: an unknown word counts as itself.
CONCEPTS = """
skin = complexion, cutaneous, dermis
face = facial, visage
hair = tresses, mane
lash = eyelash, lashes
brow = eyebrow, brows
nail = fingernail, nails
lip = lips
scalp = scalps
pore = pores, follicle
cell = cells
line = fine line, wrinkle, crease, small crease, crow's feet, furrow
spot = dark spot, age spot, sun spot, hyperpigmentation, pigmentation, discolouration, discoloration, pigment, uneven tone, uneven skin tone, uneven colour, uneven color, patch of colour, brown mark, dark patch, dark mark, uneven pigmentation, patches of uneven colour
tone = skin tone, skin colour, skin color
blemish = breakout, pimple, spot prone, zit, break out
acne = acne prone
scar = scarring, scars, pitted mark, acne mark
red = redness, reddened, flush, flushed, pink, pinkness, rosy, erythema
swell = swelling, swollen, puffy, puffiness, oedema, edema
bruise = bruising, bruised
irritate = irritation, irritating, irritant, sensitise, aggravate
tingle = tingling, prickle, prickling, stinging, sting, heat and prickling, pins and needles
itch = itchy, itching, itchiness
flake = flaking, peeling skin, shed, shedding, scaling, peel away, loose skin, peel off
dry = dryness, dried, parched
oily = greasy, oiliness
oil = sebum, grease
smooth = smoother, smoothing, silky, even surface
glow = radiance, radiant, brighter, bright, brightness, luminous, luminosity, dewy, brighten, glowing, fresh faced
clear = clearer, clarity
fresh = fresher, newer, new skin, renewed
soft = soften, softer, softness, supple
plump = plumper, plumping, fuller, bounce, bouncy
firm = firmer, firming, firmness, tighter, tighten, taut, tightening
young = youthful, younger looking, rejuvenated, youth
fade = lighten, lessen, diminish, fainter, reduce the look, reduce the appearance, soften the look
reduce = reduction, decrease, cut down, lower, minimise, minimize, lessening, cut, bring down, ease, calm, less
improve = improvement, enhance, better, refine, upgrade, boost
increase = raise, rise, heighten, greater, higher, more
help = aid, assist, contribute, support
show = reveal, uncover, expose, unveil
look = appear, appearance, seem, visible, see, notice, noticeable, apparent
texture = surface, feel of the skin
result = outcome, effect, improvement seen, visible change
last = hold, endure, remain, stay, persist, wear, longevity
treat = treatment, procedure, session, appointment, visit, sitting, therapy
course = series, programme, program
several = multiple, number of, many, a few, various
client = patient, customer, people, person, someone, anyone, guest, user, wearer, those, individual
expert = practitioner, therapist, technician, clinician, specialist, aesthetician, esthetician, beautician, professional, stylist, artist, provider
doctor = gp, physician, dermatologist, medic, medical professional, health professional, healthcare professional, healthcare provider
clinic = salon, studio, spa
advise = advice, recommend, recommended, suggest, advisable, guidance, best to, should, ideally
consult = ask, speak to, talk to, check with, seek, consultation
tell = inform, let know, mention, disclose
must = essential, important, vital, crucial, need, necessary, require, required, imperative, non negotiable, have to
avoid = skip, refrain, stay away, keep away, stay out, steer clear, off limits, leave off, put away, forgo, abstain, leave out, keep off, keep out
stop = discontinue, cease, pause, halt, quit
wait = hold off, postpone, delay, put off, allow
begin = start, commence, introduce, first step, ease in, initiate, kick off
gradual = gradually, slowly, slow, bit by bit, little by little, step by step, build up, over time
reapply = top up, top it up, apply again, reapplying
restart = resume, go back to, reintroduce, return to
use = using, apply, applied, application, put on, put, smooth on, spread
dab = pat, press
rub = scrub, friction, rubbing
pick = pull, scratch, tear, peel at, pluck at
wash = cleanse, cleansing, cleanser, cleaned, clean, degrease, remove oil, face wash
rinse = wash off, rinsed, wash away, flush out
wipe = wiped, swipe
dirt = dirt or oil, dirt and oil, oil and dirt, oil and residue, dirt oil, impurity, residue, debris, grime, impurities
remove = removal, lift away, take off, shave, strip away, get rid, take away, eliminate, lift off
remover = make up remover
dissolve = loosen, break down, unglue, melt
bond = glue, hold together
dead = dull, old, outermost
layer = coat, film, coating
exfoliate = exfoliating, exfoliation, exfoliant, scrubbing, resurfacing, resurface
penetrate = absorb, sink in, absorption, soak in, reach deeper, take up, soaks in
stimulate = trigger, prompt, encourage, promote, initiate, tell, induce, activate, spark, drive, kickstart, accelerate, speed up, boost production, ramp up
produce = production, create, make, form, formation, generate
collagen = collagen fibre, collagen fiber
fibre = fiber, fibres
elastin = elastin fibre, elastin fiber
renew = turnover, renewal, regenerate, regeneration, rejuvenation, cell turnover, replace, skin renewal
heal = healing, recover, recovery, repair, mend, restore
injury = micro injury, wound, puncture, micro channel, microinjury, channel, tiny hole, micro wound
needle = needles, needling
roll = roller, rolled, glide, pass over, moved across, move across, sweep, gliding
blade = scalpel, razor, dermaplaning tool
fuzz = vellus hair, peach fuzz, vellus, downy hair, baby hair
device = machine, tool, instrument, handpiece, hand piece, apparatus, equipment
laser = laser beam, laser light
light = wavelength, light pulse
heat = warm, warmth, hot, heating, warmed, high temperature, warms
cool = cold, chill, chilled, cooling
radiofrequency = rf, radio frequency
numb = anaesthetic, anesthetic, numbing cream, topical numbing cream, numbing gel, topical anesthetic, topical anaesthetic, anaesthetise
pain = hurt, painful, discomfort, sore, soreness, ache, uncomfortable, tender, tenderness
painless = comfortable, comfort, pain free, reduce discomfort, minimise discomfort, minimize discomfort, reduce pain, minimise pain, less pain, without pain, does not hurt, doesn't hurt, not painful, rather than pain
mild = non irritating, nonirritating, slight, slightly, light, minor, minimal, gentle, gently, low grade, bland
strong = stronger, intense, potent, powerful, strength
deep = depth, deeply, deeper, beneath
thick = thicker, thickness, dense
dark = darker
sunscreen = sun cream, spf, sun protection, sun protection factor, suncream, sunblock, factor, uv protection, sun protector
sun = sunlight, sun exposure, direct sun, strong sun, sunshine, sunbathe, sunbathing, tan, tanning
sunbed = tanning bed, solarium
uv = ultraviolet, uv ray, uv light
ray = rays
block = filter, screen, shield
photosensitive = sensitivity to light, sensitive to light, burns easily, reacts more to uv, light sensitive, sensitive to the sun, sensitivity to the sun, reacts to light, photosensitivity
outside = outdoors, outdoor
moisturiser = moisturizer, moisturising cream, hydrating cream, basic cream, lotion, moisturising lotion, emollient, face cream
hydrate = hydration, hydrated, moisture, moisturise, moisturize, moist, moisturising, hydrating, water content
damp = wet, dampened
seal = lock in, seal in, trap
fragrance free = unscented, perfume free, without fragrance, no perfume, unperfumed
fragrance = perfume, scent, scented, perfumed
simple = plain, basic, uncomplicated
makeup = make up, foundation
mascara = mascaras
curler = eyelash curler
serum = serums, ampoule
toner = toners
mask = face mask
steam = steamy, sauna, steam room, hot yoga
exercise = workout, gym, heavy exercise, sport, sweat, sweating, strenuous activity, working out, perspiration, train
swim = swimming, pool, chlorine, swimming pool
shower = bath, bathing
water = wet hair
sleep = asleep, bedtime, overnight
night = evening, nighttime, at night, pm
morning = am, daytime, each morning
day = daily, every day, everyday
week = weekly
month = monthly
year = yearly, annual, annually
immediate = immediately, right away, at once, instantly, straight away, straight after
temporary = short lived, passing, transient, passes, fades quickly, wear off
subside = resolve, settle, fade away, disappear, go down, calm down, vanish, wears off
usual = usually, typically, normally, typical, generally, commonly, common, most people, expect, normal, often
regular = regularly, consistently, consistent, routinely, regular use, ongoing
permanent = permanently, for good
sensitive = sensitive skin, sensitivity, reactive, delicate
suit = suitable, suits, appropriate, right for, works for, good for, fine for
all skin type = every skin type, all skin types, any skin type
pregnant = pregnancy, expecting a baby, trying to conceive, expectant
breastfeed = breastfeeding, nursing, lactating, breast feeding
allergy = allergic, allergies, allergic reaction
infect = infection, infected
cold sore = herpes, cold sores, fever blister
medication = medicine, drug, tablet, prescription medicine, pill
antiviral = anti viral, preventive medication
antibiotic = antibiotics
blood thinner = blood thinning, anticoagulant, aspirin, blood thinning medication
wax = waxing, waxed
thread = threading
shave = shaving
patch test = skin test, allergy test, sensitivity test, test patch, test on a small area
customise = tailor, personalise, customize, tailored, adapt, adjust, individual needs, bespoke, personalised
choose = pick out, select, opt, go for, selection
product = formula, formulation
routine = regimen, regime
active = active ingredient
vitamin a = retinoids family
vitamin c = ascorbic acid, l ascorbic acid
hyaluronic = hyaluronic acid
salicylic = salicylic acid, bha, beta hydroxy
glycolic = glycolic acid
lactic = lactic acid
azelaic = azelaic acid
mandelic = mandelic acid
aha = alpha hydroxy, alpha hydroxy acid
benzoyl = benzoyl peroxide
acid = acidic
peptide = peptides
ceramide = ceramides
niacinamide = vitamin b3, nicotinamide
antioxidant = free radical fighter, free radical scavenger, antioxidants
free radical = free radicals
pollution = pollutant, environmental damage, environmental aggressors, smog
barrier = skin barrier, moisture barrier
age = ageing, aging, premature ageing, grow old, anti ageing, anti aging
wax seal = sealant
dye = tint, tinted, tinting, colour, color, colouring
curl = curled, curling, perm
straighten = relax the curl, drop, straightened
lamination = laminate, laminated
brush = comb, brushed, brushed up, comb through
shape = shaping, contour, outline
glue on = adhesive
solution = liquid, lotion applied
neutralise = neutralize, neutralised, deactivate
trim = cut back, snip
file = filing, buff, buffed
soak = soaking, soaked, immerse
cuticle = cuticles
polish = varnish, lacquer
gel polish = gel varnish, shellac
lamp = uv lamp, led lamp
cure = cured, harden, set
chip = chipping, chips
brittle = weak, fragile, snap
damage = harm, damaged, weaken, harmful, hurt the
protect = protection, protective, guard, defend, shielding, safeguard
prevent = preventing, keep from, stop from, ward off
cause = lead to, bring on, bring about, give rise, provoke, be due to
risk = risks, danger, hazard, chance
side effect = adverse effect, reaction, unwanted effect
safe = safely, well tolerated, safety
effective = efficacy, efficient, works well, effectively
qualified = trained, licensed, certified, experienced, accredited
check = inspect, examine, make sure, ensure
amount = quantity, measure, dose
pea = pea sized, size of a pea
enough = sufficient, adequate, plenty, all you need
little = small, tiny, too little
entire = whole, full, all over, complete
thorough = thoroughly, properly
every ray = all rays
expire = expiry, expired, out of date, past its date, best before
discard = throw away, bin, dispose, throw out
store = keep in, storage, kept in
replace regularly = change often
grow = growth, grow back, regrow, growing
coarse = coarser, thicker hair
loss = shedding hair, fall out, thinning
frizz = frizzy, flyaway
shine = shiny, gloss, glossy, sheen, lustre
split end = split ends
dandruff = scalp flakes
hair conditioner = conditioner
condition = concern, issue, problem, complaint, trouble
shampoo = shampoos
bleach = bleaching, lightener, peroxide
heat protect = heat protectant, heat protection
style = styling
cost = price, charge, fee, costs, priced, pay
cheap = inexpensive, affordable, budget
quick = quickly, fast, rapid, short
duration = length of time, takes
eye = eyes, eye area, around the eyes
neck = throat
mouth = around the mouth
hand = hands
finger = fingers, fingertip, finger length
pillow = pillowcase
back = on your back
blood flow = circulation, blood circulation, microcirculation
lymph = lymphatic, lymph drainage, lymphatic drainage
relax = relaxation, relaxing, unwind, destress
massage = massaging, knead, kneading, stroke
tension = tight muscle, stress, stiffness
inflammation = inflamed, inflammatory
bacteria = germ, microbe, microbes, germs
sterile = sterilised, disinfected, sanitised, hygienic, sterilized, disinfect, sterilise
numbness = numbed
eat = food, meal, diet
drink = alcohol, beverage
smoke = smoking, cigarette, tobacco
natural = naturally, nature
body = body's
thousand = thousands
form of = derivative, type of, kind of, member of the family, version of
know as = called, known as, termed, also known
measure how = tells you how, indicates how
label = packaging, packet, bottle says
broad spectrum = uva and uvb
maximum = max, no more than, at most, up to, as long as, as much as
minimum = min, at least, no less than
before = beforehand, ahead, prior, earlier, in advance, pre
after = afterwards, following, later, post, once finished, afterward, then
finish = finished, end, final, finally, last step, complete the
first = firstly, to begin, initial, initially
"""


@cache
def phrases() -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """Return, by its first stem, every phrase of the table with its concept; the longest phrases first."""
    table: dict[str, dict[tuple[str, ...], str]] = {}
    for line in CONCEPTS.strip().splitlines():
        name, _, others = line.partition("=")
        concept = name.strip()
        for phrase in (concept, *others.split(",")):
            stemmed = tuple(stem_all(words(phrase)))
            if stemmed:
                table.setdefault(stemmed[0], {}).setdefault(stemmed, concept)
    return {first: tuple(sorted(entries.items(), key=lambda e: (-len(e[0]), e[0]))) for first, entries in table.items()}


def concepts(stemmed: list[str]) -> list[str]:
    """Return the concept of each word or phrase among the English stems `stemmed`, in order."""
    table = phrases()
    found: list[str] = []
    position = 0
    while position < len(stemmed):
        for phrase, concept in table.get(stemmed[position], ()):
            if len(phrase) == 1 or tuple(stemmed[position : position + len(phrase)]) == phrase:
                found.append(concept)
                position += len(phrase)
                break
        else:
            found.append(stemmed[position])
            position += 1
    return found
