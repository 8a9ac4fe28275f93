"""What the use cases ask of the outside, in their own words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendering:
    """One variant of an edition as mail, personal slots still open (`content.articles.SLOT_OPEN`)."""

    subject: str
    html: str
    text: str
