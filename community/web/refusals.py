"""Why something was not done, in the languages of the house."""

from community.casefile import NotNow
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import told_by
from shouwang.errors import ShouwangError


def in_words(error: ShouwangError) -> Sentence:
    """The reason; what has none in two languages is a mistake of a form or an address, and is told in English."""
    return error.said if isinstance(error, NotNow) else sentence_of(told_by(error))
