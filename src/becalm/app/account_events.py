"""The events of accounts and sign-ins. A released kind is frozen: change it by adding a version."""

from becalm.ledger import EventKind, optional_fact, required_fact

PURPOSE = "access"

KINDS = (
    EventKind(
        "account_changed",
        "An account was made, given other roles, or ended.",
        (
            required_fact("account", "text", "the name with which it signs in"),
            required_fact("what", "text", "made, roles, ended or sessions ended"),
            optional_fact("roles", "texts", "the roles that it has from now on"),
        ),
        purposes=(PURPOSE,),
    ),
    EventKind(
        "sign_in_refused",
        "Somebody tried to sign in and was refused.",
        (
            required_fact("reason", "text", "refused (wrong password) or blocked (too many tries)"),
            optional_fact("account", "text", "where an account of that name exists"),
        ),
        purposes=(PURPOSE,),
    ),
    EventKind(
        "sign_ins_sealed",
        "The sign-ins of one day, which the app keeps for a year, were sealed by their hash.",
        (
            required_fact("day", "day", "in UTC"),
            required_fact("count", "whole", "tries to sign in"),
            required_fact("sha256", "hash", "of their list"),
        ),
        purposes=(PURPOSE,),
    ),
)
