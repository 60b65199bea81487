"""The change by borough as a map: its mark says fall, rise or unclear by its shape."""

from markupsafe import Markup

from becalm.find.files.map import Area, draw_area, whole_view
from becalm.measure.core.comparison import Comparison
from becalm.render import number_format, svg

MARK_SIZE = 6.0  # of the marks of a verdict


def borough_map(
    comparison: Comparison, areas: tuple[Area, ...], *, key: str, title: str, narrow: bool = False
) -> Markup:
    """Each borough with the mark of its verdict, and its change where that may be shown."""
    view = whole_view((), areas, width=340.0 if narrow else 720.0)
    row_by_name = {row.label.casefold(): row for row in comparison.rows}
    marks: list[Markup] = []
    for area in areas:
        row = row_by_name.get(area.name.casefold())
        if row is None or area.shape.is_empty:
            continue
        centre = area.shape.representative_point()
        x, y = view(centre.x, centre.y)
        marks.append(svg.CHANGE_MARKS[row.verdict(comparison.level)](x, y))
        if row.change_percent is not None:
            change_text = number_format.percent(row.change_percent)
            marks.append(svg.text(x, y + MARK_SIZE + 11, change_text, class_="rank", text_anchor="middle"))
    verdicts = [row.verdict(comparison.level) for row in comparison.rows]
    return svg.picture(
        svg.group(draw_area(area, view) for area in areas),
        svg.group(marks),
        key=key,
        title=title,
        description=(
            f"{len(verdicts)} boroughs: {verdicts.count('fall')} fell by more than chance, "
            f"{verdicts.count('rise')} rose, {verdicts.count('unclear')} are unclear. All are in the table."
        ),
        width=view.width,
        height=view.height,
        class_="map",
    )
