"""How much notice does a change of the roster have, and of which class is it?"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.staff.core.rule_book import REST_DAY, RuleBook

NoticeClass = Literal[
    "none",
    "rest day, short notice",
    "rest day, day in lieu",
    "public holiday, short notice",
    "start moved",
    "tour dropped",
]


@dataclass(frozen=True, slots=True)
class Notice:
    """The class of a change, and what follows from it."""

    notice_class: NoticeClass
    days: int
    consequence: str


def notice_days(informed_on: date, duty_day: date) -> int:
    """Whole days between being informed and the duty; neither that day nor the day of duty counts.

    >>> notice_days(date(2020, 5, 1), date(2020, 5, 17))
    15
    """
    return (duty_day - informed_on).days - 1


def classify_change(
    old: str,
    new: str,
    *,
    informed_on: date,
    duty_day: date,
    is_holiday: bool,
    rules: RuleBook,
) -> Notice:
    """Of which class is a change from one tour to another, and what does it oblige the force to?"""
    days = notice_days(informed_on, duty_day)
    if old == new:
        return Notice("none", days, "")
    if is_holiday and new != REST_DAY and days < rules.value("holiday_notice_days"):
        return Notice("public holiday, short notice", days, "another day off, treated as a public holiday")
    if old == REST_DAY:
        if days < rules.value("rest_day_notice_days"):
            return Notice("rest day, short notice", days, "the short-notice terms of the force apply")
        named_days = int(rules.value("lieu_named_days"))
        return Notice("rest day, day in lieu", days, f"another rest day, named within {named_days} days")
    if new == REST_DAY:
        return Notice("tour dropped", days, "")
    hours = int(rules.value("start_notice_hours"))
    return Notice("start moved", days, f"told at least {hours} hours before the new start")
