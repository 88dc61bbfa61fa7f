"""What a browser would send of a form that nobody touched."""

from html.parser import HTMLParser


class _Controls(HTMLParser):
    """Names and values of inputs, choices and texts, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.select = self.textarea = ""
        self.options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "input" and name:
            box = given.get("type") in ("checkbox", "radio")
            if not box or "checked" in given:
                self._send(name, given.get("value") or ("on" if box else ""))
        elif tag == "select":
            self.select, self.options = name, []
        elif tag == "option":
            self.options.append((given.get("value", "\0") or "", "selected" in given))
        elif tag == "textarea":
            self.textarea = name
            self._send(name, "")

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.sent[self.textarea][-1] += data
        elif self.select and self.options and self.options[-1][0] == "\0":
            self.options[-1] = (data, self.options[-1][1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.textarea = ""
        elif tag == "select":
            chosen = [value for value, selected in self.options if selected]
            self._send(self.select, (chosen or [self.options[0][0]])[0])
            self.select = ""

    def _send(self, name: str, value: str) -> None:
        self.sent.setdefault(name, []).append(value)


def as_posted(html: str) -> dict[str, list[str]]:
    """Name → values of the controls in a piece of HTML."""
    controls = _Controls()
    controls.feed(html)
    return controls.sent
