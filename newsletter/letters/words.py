"""What each letter says, in the language of whoever gets it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from newsletter.templating import N_, catalogue
from subscribers.letters import LetterKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one letter."""

    subject: str
    heading: str
    opening: str
    button: str = ""  #: on the link; "" for a letter without one
    closing: str = ""
    why: str  #: why this letter came


def words_of(kind: LetterKind, language: str, house: str, mailing_list: str) -> Words:
    """Return the words of a letter.

    Args:
        kind: What the letter is about.
        language: Of whoever gets it; English where we have no catalogue.
        house: Our name.
        mailing_list: The list's name.

    Raises:
        KeyError: Letters of this kind have no words of their own.
    """
    gettext, names = catalogue(language).gettext, {"house": house, "list": mailing_list}
    english = {field.name: getattr(_WORDS[kind], field.name) for field in fields(Words)}
    return Words(**{name: gettext(text) % names if text else "" for name, text in english.items()})


#: In English, with the places that are filled.
_WORDS: Mapping[LetterKind, Words] = {
    LetterKind.CONFIRM: Words(
        subject=N_("Confirm your subscription to %(list)s"),
        heading=N_("One step left"),
        opening=N_(
            "Somebody, we hope you, asked for %(list)s at this address. Open this page and press the button "
            "there to confirm:"
        ),
        button=N_("Confirm my subscription"),
        closing=N_(
            "The link works for two days. If it was not you, do nothing: without your confirmation we will "
            "not write again."
        ),
        why=N_("You get this one letter because this address was entered on our sign-up page."),
    ),
    LetterKind.ALREADY: Words(
        subject=N_("You already receive %(list)s"),
        heading=N_("You are already subscribed"),
        opening=N_(
            "Somebody, we hope you, asked for %(list)s at this address, which already receives it. Nothing "
            "has changed. Here you can see and change what you receive:"
        ),
        button=N_("See and change my choices"),
        closing=N_("If it was not you, do nothing."),
        why=N_("You get this letter because this address was entered on our sign-up page."),
    ),
    LetterKind.GOODBYE: Words(
        subject=N_("You have left %(list)s"),
        heading=N_("You are unsubscribed"),
        opening=N_(
            "From now on we will not send you %(list)s. If you did not mean to leave, or somebody else "
            "pressed the link in a mail you forwarded, put yourself back here within seven days:"
        ),
        button=N_("Put me back"),
        closing=N_("There is nothing else to do."),
        why=N_("You get this letter because your subscription ended. It is the last one."),
    ),
    LetterKind.LINK: Words(
        subject=N_("Your link to %(list)s"),
        heading=N_("Your page"),
        opening=N_(
            "Here you choose topics, how often we write, at which hour, and when not at all. You can also leave here:"
        ),
        button=N_("Open my page"),
        closing=N_(
            "The link is personal: whoever has it can change what you receive. If you did not ask for it, do nothing."
        ),
        why=N_("You get this letter because somebody, we hope you, asked for it on our site."),
    ),
    LetterKind.DATA: Words(
        subject=N_("Your data at %(house)s"),
        heading=N_("Your data"),
        opening=N_(
            "Behind this link you can download everything we keep about you, change your address, or have "
            "all of it erased:"
        ),
        button=N_("Open my data"),
        closing=N_("For your safety the link works for one hour only. If you did not ask for it, do nothing."),
        why=N_("You get this letter because somebody, we hope you, asked for it on your page."),
    ),
    LetterKind.CHANGED: Words(
        subject=N_("Your choices for %(list)s were changed"),
        heading=N_("Your choices were changed"),
        opening=N_(
            "What you receive from %(list)s was changed on your page. If that was you, there is nothing to "
            "do. If it was somebody to whom you forwarded a mail, put everything back here within seven days:"
        ),
        button=N_("Put it back"),
        why=N_("You get this letter because your choices changed. It tells you that nobody did it behind your back."),
    ),
    LetterKind.NEW_ADDRESS: Words(
        subject=N_("Confirm your new address for %(house)s"),
        heading=N_("Is this your new address?"),
        opening=N_(
            "A reader of %(house)s, we hope you, wants to be reached at this address from now on. Open this "
            "page and press the button there to confirm:"
        ),
        button=N_("Yes, use this address"),
        closing=N_("The link works for two days. If it was not you, do nothing: nothing changes then."),
        why=N_("You get this one letter because this address was entered as the new one of a reader."),
    ),
    LetterKind.MOVED: Words(
        subject=N_("Your address for %(house)s was changed"),
        heading=N_("Your address was changed"),
        opening=N_(
            "From now on we write to your new address. If that was not you, put the old one back here "
            "within seven days:"
        ),
        button=N_("Put it back"),
        why=N_("You get this letter because this was your address. It is the last one to it."),
    ),
    LetterKind.ERASED: Words(
        subject=N_("You are erased at %(house)s"),
        heading=N_("Everything is erased"),
        opening=N_(
            "Your address, your choices and the record of what you received are gone. We keep only a code "
            "from which nobody can read your address, so that no import brings you back."
        ),
        why=N_("You get this letter because you asked us to erase what we kept about you. It is the last one."),
    ),
}
