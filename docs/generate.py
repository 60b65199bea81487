"""Writes docs/reference/ and the list of decisions from what there is, so that they cannot go stale.

`pages()` returns every page as text; a test compares them with the files.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from describe import functions, nouns, prose, table, type_text
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import becalm
from becalm.app.events import EVENT_KINDS
from becalm.app.main import INTERRUPTED_EXIT_CODE, app
from becalm.app.notebook.answers import NotebookBacktest, NotebookComparison, NotebookHotspots
from becalm.app.notebook.certificate import NotebookCertificate
from becalm.app.notebook.near_repeats import NotebookNearRepeats
from becalm.app.notebook.questions import OpenWorkspace
from becalm.ledger.event_kinds import FACT_TYPES, EventKind
from becalm.tables import schema
from becalm.terms import ERROR_KINDS
from becalm.workspace import config as workspace
from becalm.workspace.read_offence_tables import load_offences

DOCS = Path(__file__).parent
ABOUT = tomllib.loads((DOCS / "reference.toml").read_text("utf-8"))
NOUNS_OF_JOBS = (
    *("becalm.measure.core.baseline", "becalm.measure.core.comparison", "becalm.measure.core.run_up"),
    *("becalm.find.core.cluster_test", "becalm.find.core.near_repeats", "becalm.find.core.outbreaks"),
    *("becalm.record.core.arrests", "becalm.ledger.event"),
    *("becalm.patrol.core.predictability", "becalm.patrol.core.plan_inputs", "becalm.patrol.core.judge_plan"),
)
WRITTEN_BY = (
    "<!-- Written by docs/generate.py from the program; change the program, then run `make docs`. -->\n"
)


def pages() -> Mapping[str, str]:
    """Every page by its path below docs/."""
    made = {
        "reference/commands.md": commands_page(),
        "reference/glossary.md": page("Glossary", "glossary", nouns("becalm.terms", *NOUNS_OF_JOBS)),
        "reference/tables.md": tables_page(),
        "reference/settings.md": settings_page(),
        "reference/exit-codes.md": exit_codes_page(),
        "reference/offence-groups.md": offence_groups_page(),
        "reference/event-kinds.md": event_kinds_page(),
        "reference/questions.md": page(
            "Questions",
            "questions",
            functions("becalm.measure.core", "becalm.find.core", "becalm.tables.counts"),
        ),
        "reference/python.md": python_page(),
        "reference/methods.md": page(
            "Methods",
            "methods",
            functions("becalm.methods", "becalm.ledger.canonical_json", "becalm.ledger.merkle"),
        ),
    }
    made["decisions/README.md"] = page("Decisions", "decisions", decisions())
    return {name: f"{WRITTEN_BY}\n{text.strip()}\n" for name, text in made.items()}


def page(title: str, about: str, *sections: str) -> str:
    """One page: its title, what docs/reference.toml says about it, its sections."""
    return "\n\n".join([f"# {title}", ABOUT[about].strip(), *sections])


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, "utf-8")


def decisions() -> str:
    """The titles of the decision records, in order."""
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    titles = [record.read_text("utf-8").splitlines()[0].removeprefix("# ") for record in records]
    return "\n".join(f"- [{title}]({record.name})" for title, record in zip(titles, records, strict=True))


# --- commands ---------------------------------------------------------------------------------------------


def commands_page() -> str:
    """What every command does and takes."""
    sections = [
        section
        for words, command in commands_below(typer.main.get_command(app), ())
        for section in command_section(words, command)
    ]
    return page("Commands", "commands", *sections)


def commands_below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, in order of their names."""
    groups = getattr(command, "commands", {})
    if words and not groups:
        yield words, command
    for name in sorted(groups):
        yield from commands_below(groups[name], (*words, name))


def command_section(words: tuple[str, ...], command: Any) -> Iterator[str]:
    """The heading, the help and the table of one command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [
        p for p in command.params if p.param_type_name == "option" and not p.hidden and p.name != "help"
    ]
    usage = " ".join(["becalm", *words, *(argument_usage(a) for a in arguments), "[OPTIONS]"])
    yield f"## `becalm {' '.join(words)}`"
    yield f"```text\n{usage}\n```"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    rows = [(f"`{argument_name(a)}`", a.help or "", default_of(a)) for a in arguments]
    rows += [(f"`{option_usage(o)}`", o.help or "", default_of(o)) for o in options]
    yield table(("takes", "what it is", "default"), rows)


def argument_name(argument: Any) -> str:
    """An argument's name in capitals, with dots where it may be repeated."""
    name = (argument.metavar or argument.name.upper()).strip("[]")
    return f"{name}..." if argument.nargs == -1 and not name.endswith("...") else name


def argument_usage(argument: Any) -> str:
    """How an argument stands in the usage line."""
    return argument_name(argument) if argument.required else f"[{argument_name(argument)}]"


def option_usage(option: Any) -> str:
    """The names of an option, long ones first, with its choices."""
    names = sorted([*option.opts, *option.secondary_opts], key=lambda name: (not name.startswith("--"), name))
    choices = "|".join(choices_of(option))
    return f"{', '.join(names)} {choices}".strip()


def choices_of(option: Any) -> list[str]:
    """The words that an option takes, where they are few."""
    annotation = option.type_descriptor.annotation
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    enums = [kind for kind in kinds if inspect.isclass(kind) and issubclass(kind, Enum)]
    return words + [word.value for kind in enums for word in kind]


def default_of(parameter: Any) -> str:
    """The default of a parameter as a reader would write it."""
    if parameter.required:
        return "required"
    default = parameter.default
    if default is None or default is False or default in ((), [], "") or callable(default):
        return ""
    if isinstance(default, list | tuple):
        return ", ".join(f"`{getattr(item, 'value', item)}`" for item in default)
    return f"`{getattr(default, 'value', default)}`"


# --- the face for notebooks -------------------------------------------------------------------------------


def python_page() -> str:
    """The questions of `import becalm`, what a workspace answers, and what the answers can do."""
    questions = [call_section(f"becalm.{name}", getattr(becalm, name)) for name in becalm.__all__]
    answers = [
        f"### `{kind.__name__}`\n\n{prose(kind)}\n\n{table(('call', 'what it gives'), calls_of(kind))}"
        for kind in (
            NotebookComparison,
            NotebookHotspots,
            NotebookBacktest,
            NotebookNearRepeats,
            NotebookCertificate,
        )
    ]
    methods = [
        call_section(f"workspace.{name}", getattr(OpenWorkspace, name))
        for name in ("compare", "hotspots", "backtest", "near_repeats", "certify")
    ]
    return page(
        "Python", "python", "## Questions", *questions, "## A workspace", *methods, "## Answers", *answers
    )


def call_section(name: str, function: Any) -> str:
    """One question: how it is called, one parameter a line with its default, and what it answers."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    lines = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}".replace("'", '"')
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    ]
    return (
        f"### `{name}`\n\n```text\n{name}(\n    {(chr(10) + '    ').join(lines)}\n)\n```\n\n{prose(function)}"
    )


def calls_of(kind: type) -> Iterator[tuple[str, str]]:
    """The methods of an answer, with what each gives."""
    for name in ("to_frame", "to_geojson", "plot"):
        if method := getattr(kind, name, None):
            yield f"`.{name}()`", inspect.cleandoc(method.__doc__ or "")


# --- tables -----------------------------------------------------------------------------------------------


def tables_page() -> str:
    """Every table of the archive with its columns."""
    comments = column_comments(inspect.getsource(schema))
    sections = []
    for name, columns in schema.TABLES.items():
        rows = [
            (f"`{c}`", f"`{str(t).rstrip('!')}`", comments.get((name, c), "")) for c, t in columns.items()
        ]
        sections.append(f"## {name}\n\n{table(('column', 'type', 'what it holds'), rows)}")
    return "# Tables\n\n" + inspect.cleandoc(schema.__doc__ or "") + "\n\n" + "\n\n".join(sections)


def column_comments(source: str) -> dict[tuple[str, str], str]:
    """The comments that stand beside the columns, by table and column.

    A comment that is the name of a tuple of words in the same file gives these words.
    """
    found: dict[tuple[str, str], str] = {}
    current = ""
    for line in source.splitlines():
        if heading := re.match(r"(\w+): Final = ibis\.schema", line):
            current = heading[1].lower()
        if entry := re.match(r'\s+"(\w+)": ".*",\s+# (.+)', line):
            word, _, rest = entry[2].partition(";")
            values = getattr(schema, word.strip(), None)
            listed = ", ".join(values) if isinstance(values, tuple) else word.strip()
            found[current, entry[1]] = f"{listed};{rest}" if rest else listed
    return found


# --- settings, exit codes, offence groups -------------------------------------------------------------------


def settings_page() -> str:
    """Every entry of becalm.toml."""
    return page("Settings", "settings", *settings_of("", workspace.Config))


def settings_of(path: str, model: type[BaseModel]) -> Iterator[str]:
    """The table of one TOML table, and of those below it."""
    below: list[tuple[str, type[BaseModel]]] = []
    rows = []
    for name, field in model.model_fields.items():
        inner = inner_model(field.annotation)
        if inner:
            below.append((f"{path}.{name}".strip("."), inner))
        else:
            default = "required" if field.default is PydanticUndefined else toml_text(field.default)
            rows.append((f"`{name}`", shape(field.annotation), default, ABOUT["entries"][path][name]))
    if rows:
        yield f"## [{path}]\n\n{prose(model)}\n\n{table(('entry', 'type', 'default', 'what it does'), rows)}"
    for name, inner in below:
        yield from settings_of(name, inner)


def toml_text(value: object) -> str:
    """A default as one would write it in TOML; nothing where the entry is merely absent."""
    return "" if value in (None, "", ()) else f"`{json.dumps(value)}`"


def shape(annotation: Any) -> str:
    """A type in words."""
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    kinds = [kind for kind in getattr(annotation, "__args__", ()) if kind not in (type(None), ...)]
    if get_origin(annotation) is tuple:
        return f"list of {words[type_text(kinds[0])]}s"
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{kind}`" for kind in kinds)
    return words.get(type_text(annotation)) or shape(kinds[0])


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a nested table or of a list of them."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next(
        (c for c in candidates if inspect.isclass(c) and get_origin(c) is None and issubclass(c, BaseModel)),
        None,
    )


def exit_codes_page() -> str:
    """What each exit code means."""
    rows = [("0", "", "Done.")]
    rows += [
        (str(kind.exit_code), f"`{kind.__name__}`", inspect.cleandoc(kind.__doc__ or ""))
        for kind in ERROR_KINDS
    ]
    rows.append((str(INTERRUPTED_EXIT_CODE), "", "Stopped from the keyboard; nothing was left half done."))
    return page("Exit codes", "exit_codes", table(("code", "kind", "what it means"), rows))


def offence_groups_page() -> str:
    """The reviewed tables from the sources' words to our groups."""
    sections = []
    for key, offences in sorted(load_offences(None).items()):
        words = {g.key: [w for w, group in offences.words if group == g.key] for g in offences.groups}
        rows = [
            (
                f"`{g.key}`",
                g.label,
                "yes" if g.street_violence else "lends" if g.shares_places else "",
                g.found_by,
                "yes" if g.in_total else f"no: {g.why_not_in_total}",
                "; ".join(words[g.key]),
            )
            for g in offences.groups
        ]
        about = f"Version {offences.version}, by {offences.author}, reviewed on {offences.reviewed_on}."
        headings = ("group", "label", "street violence", "found by", "in totals", "the source's words")
        sections.append(f"## {key}\n\n{about} {offences.origin}\n\n{table(headings, rows)}")
    return page("Offence groups", "offences", *sections)


def event_kinds_page() -> str:
    """Every kind of event that a ledger may hold, with its facts."""
    sections = [page_of_kind(kind) for kind in EVENT_KINDS.kinds]
    types = table(
        ("type", "what it holds"), [(f"`{name}`", rule.description) for name, rule in FACT_TYPES.items()]
    )
    return page("Event kinds", "event_kinds", f"## Types of facts\n\n{types}", *sections)


def page_of_kind(kind: EventKind) -> str:
    """One kind: what it means, what it takes, and its facts."""
    says = [kind.meaning]
    says += ["It is about a person, whom it names by a pseudonym."] if kind.about_person else []
    says += ["It may correct an earlier entry."] if kind.corrects == "may" else []
    says += ["It names the entry that it withdraws."] if kind.corrects == "must" else []
    says += [f"Purposes: {', '.join(kind.purposes)}."] if kind.purposes else []
    rows = [(f"`{f.name}`", f.type, "yes" if f.is_needed else "", f.meaning) for f in kind.fields]
    facts = table(("fact", "type", "needed", "what it is"), rows)
    return f"## `{kind.name}` {kind.version}\n\n{' '.join(says)}\n\n{facts}"


if __name__ == "__main__":
    main()
