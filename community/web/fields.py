"""Fields of forms and addresses, as browsers send them."""


def none_if_empty(written: object) -> object:
    """A field that was left empty says nothing."""
    return None if written == "" else written
