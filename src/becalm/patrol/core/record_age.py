"""May a plan begin so long after the last day that its list of places knows?"""

from datetime import date, timedelta

from becalm.patrol.core.policy import RecordRule
from becalm.terms import PlanError


def find_last_start(last_record_day: date, source: str, rule: RecordRule) -> date:
    """The last day on which a plan may begin that is made of these records."""
    return last_record_day + timedelta(days=rule.find_max_age_days(source))


def describe_record_age(first_day: date, last_record_day: date, source: str, rule: RecordRule) -> str:
    """Why no plan may begin on this day, and what to do; "" where one may."""
    last_start = find_last_start(last_record_day, source, rule)
    if first_day <= last_start:
        return ""
    return (
        f"The list knows the records of {source} up to {last_record_day}, and the policy lets a plan begin "
        f"at most {rule.find_max_age_days(source)} days later, on {last_start}. This one would begin on "
        f"{first_day}. "
        "Load newer records, or name an earlier first day."
    )


def check_record_age(
    first_day: date, last_record_day: date, source: str, rule: RecordRule, reason: str
) -> tuple[str, ...]:
    """What a plan must say of its old records: nothing where they are new enough.

    Raises PlanError where they are too old and nobody gave a reason.
    """
    age_text = describe_record_age(first_day, last_record_day, source, rule)
    if not age_text:
        return ()
    if not reason.strip():
        raise PlanError(f"{age_text} To plan all the same, say why with `old_records_reason`.")
    age_days, reason_text = (first_day - last_record_day).days, reason.strip().rstrip(".")
    return (f"Planned from records that ended {age_days} days before the first day, because: {reason_text}.",)
