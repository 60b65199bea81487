"""Names of those who act: can two of them be one person?"""

import unicodedata
from typing import Final

LATIN_LOOKALIKES: Final = str.maketrans(
    "авеіјкмнорԛѕстухүԝαβεικνορτυχɑıոօսհց01", "abeijkmhopqsctyxywabeiknoptyxainouhgol"
)


def are_two_people(first_name: str, second_name: str) -> bool:
    """Can these two names not be taken for one another, or for nobody?

    Case, accents, signs, the order of the words, and digits or letters of other alphabets that look like
    Latin letters make no second person.

    >>> are_two_people("ann.", "\u0410nn"), are_two_people("ann", "bob")
    (False, True)
    >>> are_two_people("Smith, Ann", "ann smith"), are_two_people("b0b", "bob")
    (False, False)
    """
    if _sorted_words(first_name) == _sorted_words(second_name):
        return False
    return len({name_skeleton(first_name), name_skeleton(second_name)} - {""}) == 2


def _sorted_words(name: str) -> list[str]:
    plain_name = "".join(sign if sign.isalnum() else " " for sign in name)
    return sorted(filter(None, map(name_skeleton, plain_name.split())))


def name_skeleton(name: str) -> str:
    """The name as a reader takes it: without case, accents, signs, and letters that only look alike.

    >>> name_skeleton("\u0410nn O'Nym."), name_skeleton("ann.onym")
    ('annonym', 'annonym')
    """
    folded_name = unicodedata.normalize("NFKD", name).casefold().translate(LATIN_LOOKALIKES)
    return "".join(filter(str.isalnum, folded_name))
