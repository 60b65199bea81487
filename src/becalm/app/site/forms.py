"""Forms made from requests: one input for each field, with its help, unit and bounds; what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from becalm import terms
from becalm.app.site.context import FormFields
from becalm.app.worker import field_label
from becalm.console.run_folder import Question, request_of
from becalm.terms import Fault, UsageError

if TYPE_CHECKING:
    from becalm.console.job_page import Act
    from becalm.desk import Desk

LONG_FIELDS: Final = frozenset({"sentence", "reason", "note", "text", "report", "emergency"})
MOST_CHECKS: Final = 12
LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a form, with what stands in it."""

    name: str
    label: str
    hint: str
    kind: str  # text, date, select, check, checks, lines or answers
    choices: tuple[str, ...]
    values: tuple[str, ...]
    has_default: bool
    is_main: bool
    labels: Mapping[str, str] = field(default_factory=dict)  # of the choices, or the questions of `answers`


def inputs_of(question: Question, values: FormFields) -> tuple[Input, ...]:
    """The inputs of a question's form; `values` stand in them, else the defaults."""
    return tuple(_input(entry, values) for entry in question.fields if entry.name not in HIDDEN)


def act_inputs(question: Question, act: Act, desk: Desk, values: FormFields) -> tuple[Input, ...]:
    """The inputs of a form that is done at once: files of the server are chosen by name, codes by meaning."""
    inputs = []
    for entry in terms.fields_of(question.request):
        if entry.name in HIDDEN or entry.name in act.left_out:
            continue
        if entry.name in act.files:
            label_by_file = {name: name for name in act.files[entry.name](desk)}
            inputs.append(
                replace(
                    _input(entry, values), kind="select", choices=tuple(label_by_file), labels=label_by_file
                )
            )
        elif entry.kind is terms.FileName:
            continue
        elif entry.name in act.answers:
            hint = "All must be answered. Unsure counts as yes."
            questions = act.answers[entry.name]
            inputs.append(replace(_input(entry, values), kind="answers", labels=questions, hint=hint))
        else:
            inputs.append(_with_choices(_input(entry, values), act, desk, is_many=entry.is_many))
    return tuple(inputs)


def _with_choices(shown_input: Input, act: Act, desk: Desk, *, is_many: bool) -> Input:
    hint = shown_input.hint.replace("`", "")
    if shown_input.name in LONG_FIELDS and shown_input.kind == "text":
        return replace(shown_input, kind="lines", hint=hint)
    if shown_input.name not in act.choices:
        return replace(shown_input, hint=hint)
    labels = act.choices[shown_input.name](desk)
    kind = "checks" if is_many else "select"
    hint = hint.removesuffix(" One on each line.").removeprefix(f"What for: one of {', '.join(labels)}. ")
    return replace(shown_input, kind=kind, choices=tuple(labels), labels=labels, hint=hint)


def act_values(
    question: Question, act: Act, desk: Desk, fields: FormFields
) -> tuple[dict[str, Any], dict[str, Path]]:
    """The request's values from such a form, and the files it chose; UsageError with every fault."""
    texts = {name: lines for name, lines in fields.items() if name not in act.left_out}
    for name, questions in act.answers.items():
        answers = {key: "".join(fields.get(f"{name}.{key}", [])) for key in questions}
        texts[name] = [f"{key}={answer}" for key, answer in answers.items() if answer]
    files: dict[str, Path] = {}
    faults = []
    request_fields = terms.fields_of(question.request)
    optional_names = {entry.name for entry in request_fields if entry.default in (None, ())}
    for name, list_files in act.files.items():
        name_text = "".join(fields.get(name, []))
        path = list_files(desk).get(name_text)
        if path is None and not name_text and name in optional_names:
            continue
        if path is None:
            faults.append(Fault(name, "is not chosen", "choose one of the list"))
        else:
            files[name] = path
    problem = "Nothing was shown" if act.is_look else "Nothing was recorded"
    return read_values(question, texts, files=files, faults=faults, problem=problem), files


HIDDEN: Final = frozenset(
    {"as_of", "seed"}
)  # a page asks about the records as they are; the run keeps its seed


def _input(entry: terms.RequestField, values: FormFields) -> Input:
    kind = _kind(entry)
    value_texts = tuple(values[entry.name]) if entry.name in values else _default_values(entry)
    parameter = entry.parameter
    notes = [parameter.help]
    if parameter.unit:
        notes.append(f"In {parameter.unit}.")
    if parameter.default_text:
        notes.append(f"If left empty: {parameter.default_text}.")
    if kind == "lines":
        notes.append("One on each line.")
    return Input(
        name=entry.name,
        label=field_label(parameter.name or entry.name),
        hint=" ".join(notes),
        kind=kind,
        choices=entry.choices,
        values=value_texts,
        has_default=entry.default not in (MISSING, None),
        is_main=len(entry.path) == 1 or entry.default is MISSING,
    )


def _kind(entry: terms.RequestField) -> str:
    if entry.is_many:
        return "checks" if 0 < len(entry.choices) <= MOST_CHECKS else "lines"
    if entry.choices:
        return "select"
    return {bool: "check", date: "date"}.get(entry.kind, "text")


def _default_values(entry: terms.RequestField) -> tuple[str, ...]:
    default: Any = entry.default
    if default is MISSING or default is None or default is False:
        return ()
    if default is True:
        return ("yes",)
    return tuple(map(_text, default)) if isinstance(default, tuple) else (_text(default),)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def shown_values(question: Question, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of a request as they stand in a form."""
    texts_by_field: dict[str, list[str]] = {}
    for entry in question.fields:
        value = values.get(entry.name, MISSING)
        if value is MISSING or value is None:
            continue
        if isinstance(value, bool):
            texts_by_field[entry.name] = ["yes"] if value else []
        else:
            texts_by_field[entry.name] = (
                list(map(_text, value)) if isinstance(value, list | tuple) else [_text(value)]
            )
    return texts_by_field


def read_values(
    question: Question,
    fields: FormFields,
    *,
    files: Mapping[str, Path] | None = None,
    faults: Iterable[Fault] = (),
    problem: str = "The question was not asked",
) -> dict[str, Any]:
    """The request's values from a form, checked as far as that can be done before the question is asked.

    Raises UsageError with every fault, by field, beside those that are known.
    """
    values: dict[str, Any] = {}
    faults = list(faults)
    for entry in question.fields:
        if entry.name in HIDDEN:
            continue
        try:
            value = _read_field(entry, fields.get(entry.name, []))
        except ValueError as error:
            remedy = _remedy(entry)
            faults.append(Fault(entry.name, str(error), remedy))
            continue
        if value is not MISSING:
            values[entry.name] = value
        elif entry.default is MISSING:
            faults.append(Fault(entry.name, "is missing", _remedy(entry)))
    if faults:
        raise UsageError(problem, tuple(faults))
    request_of(question, values, files)  # bounds, and what only the request itself can refuse
    return values


def _remedy(entry: terms.RequestField) -> str:
    if entry.choices:
        return f"choose one of: {', '.join(entry.choices)}"
    return {
        int: "write a whole number",
        float: "write a number",
        date: "write a day as 2020-04-01",
    }.get(entry.kind, "write it in")


def _read_field(entry: terms.RequestField, texts: list[str]) -> Any:
    """The value, MISSING where the field was left empty; ValueError says what is wrong."""
    if entry.kind is bool and not entry.is_many:
        return texts == ["yes"]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    filled_lines = [line for line in lines if line]
    if any(len(line) > LONGEST_TEXT for line in filled_lines):
        raise ValueError(f"is longer than {LONGEST_TEXT} characters")
    if entry.is_many:
        return [_read_text(entry, line) for line in filled_lines] if filled_lines else MISSING
    return _read_text(entry, " ".join(filled_lines)) if filled_lines else MISSING


def _read_text(entry: terms.RequestField, text: str) -> Any:
    if entry.choices:
        if text not in entry.choices:
            raise ValueError(f"{text!r:.60} is none of the choices")
        return text
    if entry.kind is date:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(f"{text!r:.60} is no day") from None
    if entry.kind in (int, float):
        try:
            return entry.kind(text.replace(",", ""))
        except ValueError:
            raise ValueError(f"{text!r:.60} is no number") from None
    return text
