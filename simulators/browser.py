"""What scripted people see of a page: its forms, and whether it says that an alarm has ended at home."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Forms by where they are sent: hidden fields and what is ticked; those of several to one address are joined."""

    def __init__(self, text: str) -> None:
        """`text`: the page."""
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.is_over_at_home = False
        self._form: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A form begins, or has a field."""
        found = {name: value or "" for name, value in attrs}
        self.is_over_at_home = self.is_over_at_home or {"tag", "ended"} <= set(found.get("class", "").split())
        if tag == "form":
            self._form = self.forms.setdefault(found.get("action", ""), {})
        elif tag == "input" and self._form is not None and (found.get("type") == "hidden" or "checked" in found):
            self._form[found.get("name", "")] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """A form ends."""
        if tag == "form":
            self._form = None
