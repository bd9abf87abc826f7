"""Why something is refused, for the catalogues: the sentences of community.rights, word for word."""

from community.web.words import marked

GROUNDS = (
    marked("Your role may not do this."),
    marked("This login has been disabled."),
    marked("This home is outside your area."),
    marked("This home is served by another organisation."),
    marked("There is no open case of this home: give a reason, and your supervisor is told."),
    marked("This is shown only while a case of this home is open."),
    marked("This is not your case."),
    marked("Your case ended more than two hours ago."),
    marked("This is shown only while you are on the way to this home or there."),
    marked("This is not your family member."),
    marked("Your family member has not agreed that you see this."),
    marked("This person has not agreed that medical data is given to others."),
    marked("You hold no key of this home."),
    marked("Life alarms can never be silenced."),
    marked("Your role has no right to medical data."),
    marked("A change of policy needs a second person."),
    marked("This token was not made for this."),
    marked("The agreement does not cover these fields."),
)
