"""SVG, element by element: every text and attribute is escaped, every number written the same way."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

Child = str | Markup | None


def element(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. `font_size` becomes `font-size`, `class_` becomes `class`; None leaves an attribute out.

    >>> element("circle", cx=1.0, cy=2.25, class_="fall")
    Markup('<circle cx="1" cy="2.25" class="fall"/>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(escape(child) for child in children if child is not None)
    # Names are ours and values are escaped above.
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def group(children: Iterable[Child], **attributes: str | float | None) -> Markup:
    """Several elements together."""
    return element("g", *children, **attributes)


def text(x: float, y: float, words: str, **attributes: str | float | None) -> Markup:
    """Words at a point."""
    return element("text", words, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float | None) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """The `d` of a line through the points."""
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f"M{steps}Z" if close else f"M{steps}"


def picture(
    *children: Child, key: str, title: str, description: str, width: float, height: float, class_: str
) -> Markup:
    """A whole picture with its accessible name and description. `key` must be unique in the page."""
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        class_=class_,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def number(value: float) -> str:
    """A coordinate with at most two decimals, and never a negative zero.

    >>> number(3.0), number(-0.001), number(2.345)
    ('3', '0', '2.35')
    """
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written in {"-0", ""} else written


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)
