"""The picture of the week: 7 days of 24 squares, each as large as its hour's share."""

from markupsafe import Markup

from becalm.render import svg

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def week_chart(shares: tuple[float, ...], *, key: str, title: str, narrow: bool = False) -> Markup:
    """When in the week do the hotspots need people?

    A square's area, not its colour, tells the share; the busiest tenth of hours is full, the rest hollow.
    """
    hour_square_side = 11.6 if narrow else 25.6
    left_x, top_y = (42.0, 26.0) if narrow else (96.0, 28.0)
    largest_share = max(shares) or 1.0
    busy_share = sorted(shares, reverse=True)[len(shares) // 10]
    hour_squares = [
        _draw_hour(
            left_x + hour_square_side * hour,
            top_y + hour_square_side * 1.05 * day,
            hour_square_side,
            shares[day * 24 + hour],
            largest_share,
            busy_share,
        )
        for day in range(7)
        for hour in range(24)
    ]
    return svg.picture(
        _draw_labels(left_x, top_y, hour_square_side, narrow),
        *hour_squares,
        key=key,
        title=title,
        description=_describe_week(shares),
        width=340 if narrow else 720,
        height=top_y + hour_square_side * 1.05 * 7 + 12,
        class_="chart week",
    )


def hour_name(hour_of_week: int) -> str:
    """The hour as people say it.

    >>> hour_name(4 * 24 + 23)
    'Friday 23:00 to 24:00'
    """
    day, hour = divmod(hour_of_week, 24)
    return f"{DAYS[day]} {hour:02}:00 to {hour + 1:02}:00"


def _draw_hour(
    x: float, y: float, square_side: float, hour_share: float, largest_share: float, busy_share: float
) -> Markup:
    middle_x, middle_y = x + square_side / 2, y + square_side * 1.05 / 2
    mark_side = square_side * 0.94 * (hour_share / largest_share) ** 0.5
    return svg.element(
        "rect",
        x=middle_x - mark_side / 2,
        y=middle_y - mark_side / 2,
        width=mark_side,
        height=mark_side,
        class_="hour busy" if hour_share > busy_share else "hour",
    )


def _draw_labels(left_x: float, top_y: float, side: float, narrow: bool) -> Markup:
    day_texts = [
        svg.text(left_x - 10, top_y + side * 1.05 * (i + 0.5) + 4, name[:3] if narrow else name,
                 class_="tick", text_anchor="end")
        for i, name in enumerate(DAYS)
    ]  # fmt: skip
    hour_texts = [
        svg.text(left_x + side * hour, top_y - 10, f"{hour:02}:00" if not narrow else f"{hour:02}",
                 class_="tick", text_anchor="middle")
        for hour in range(0, 24, 3)
    ]  # fmt: skip
    hour_lines = [
        svg.line(
            left_x + side * hour, top_y - 4, left_x + side * hour, top_y + side * 1.05 * 7 + 4, class_="grid"
        )
        for hour in range(0, 25, 3)
    ]
    return svg.group([*hour_lines, *day_texts, *hour_texts])


def _describe_week(shares: tuple[float, ...]) -> str:
    top_hours = sorted(range(len(shares)), key=lambda hour: -shares[hour])[:3]
    busiest_text = ", ".join(f"{hour_name(h)} ({shares[h] * 100:.1f}%)" for h in top_hours)
    return f"The busiest hours are {busiest_text}. All 168 hours are in the table."
