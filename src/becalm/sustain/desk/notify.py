"""Word of new alarms, sent once to where the workspace says: folders and e-mail."""

from collections.abc import Sequence
from pathlib import Path

from becalm.desk import Desk
from becalm.ledger.anchors import AnchorDelivery, AnchorSettings, send_text
from becalm.sustain.core.series import key_words, week_name
from becalm.sustain.core.watch import RaisedAlarm


def notify_alarms(desk: Desk, alarms: Sequence[RaisedAlarm]) -> tuple[AnchorDelivery, ...]:
    """Send one message about these alarms to every place of `[sustain] notify`; a failure stops nothing."""
    places = desk.workspace.config.sustain.notify
    if not places:
        return ()
    settings = AnchorSettings(Path(desk.workspace.path), "sustain", desk.workspace.config.ledger.smtp)
    subject = f"becalm: {len(alarms)} new alarm{'s' if len(alarms) > 1 else ''} in {desk.workspace.city.name}"
    return send_text(
        alarm_message(alarms), subject, f"alarm-{alarms[0].name}", places=places, settings=settings
    )


def alarm_message(alarms: Sequence[RaisedAlarm]) -> str:
    """What the message says: each alarm, and what to do about it."""
    lines = [
        f"{key_words(alarm.key)}: began to rise; alarm of {week_name(alarm.monday)} by {alarm.detector}.\n"
        f"  To record what it was: becalm sustain review {alarm.name}"
        for alarm in alarms
    ]
    return "\n".join(["New alarms. Look into each of them.", *lines, ""])
