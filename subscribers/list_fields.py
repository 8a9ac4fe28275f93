"""The header fields by which every mail names the list it is about."""


def list_fields(list_id: str) -> dict[str, str]:
    """Return the fields that name a list, in editions as well as in answers to one person.

    RFC 2369, 4 asks for them in "command responses to individual users" too: who sorts a newsletter into a folder finds
    its letters there as well.

    Args:
        list_id: As its field says it (RFC 2919): a name or none, and the identifier in angle brackets.
    """
    return {
        "List-Id": list_id,
        # Nobody writes to a newsletter (RFC 2369, 3.4).
        "List-Post": "NO",
        # Keeps vacation notices from answering (RFC 3834, 2), and tells filters that this is a list.
        "Precedence": "list",
    }
