"""A name says what kind of thing it holds: no bare participle, no word that fits anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from house import Source, read_source

PARTICIPLES = """
    added altered asked assigned begun bought broken built caught changed checked chosen cleared closed
    come counted declared derived described done drawn erased excluded filtered finished fitted
    folded found gathered given gone grown guarded handed heard held honoured included joined judged
    kept known laid learned learnt lent listed loaded located locked looked lost made marked
    matched meant measured mended merged met missed mixed moved named needed noted opened ordered owed
    owned packed paid paired parsed passed picked pinned placed planned planted posted printed proved
    raised ranked reached recorded refused registered rejected removed repaired replaced required
    resolved returned revealed said sealed searched seen selected sent served shown signed skipped
    smoothed sought spent spoken stacked stated stood stored stripped summed supposed taken tested
    thinned thought tied timed told touched tried turned typed unpacked unseen untouched used verified
    wanted warned weighed weighted withheld worked written
"""
LOOSE_WORDS = """
    beside each here it more other others own rest stuff that there thing things this what
"""
VAGUE = frozenset(f"{PARTICIPLES} {LOOSE_WORDS}".split())

# place -> why this name is the right one here. An entry that is no longer needed fails the test.
ALLOWED: dict[str, str] = {
    "becalm/brief/request.py::chosen": "a key of run.json",
    "becalm/console/screen.py::folded": "headings whose cells may be folded",
    "becalm/divert/files/read_rule.py::named": "an entry of the rule: the status of a suspect",
    "becalm/ingest/desk.py::skipped": "a key of the JSON",
    "becalm/ingest/reader.py::loaded": "a key of the JSON, as in FileIntake",
    "becalm/ingest/reader.py::rejected": "a key of the JSON, as in FileIntake",
    "becalm/ingest/reader.py::repaired": "a key of the JSON, as in FileIntake",
    "becalm/measure/core/request.py::counted": "the option --counted",
    "becalm/methods/neighbourhood.py::others": "the neighbours beside `starts`, as the docstring says",
    "becalm/methods/scan_statistic.py::other": "one cylinder and the other",
    "becalm/methods/scan_statistic.py::others": "the neighbours beside `starts`",
    "becalm/evaluate/core/finding.py::what": "a key of the JSON: what, why and instead of a refusal",
    "becalm/patrol/core/area_arrays.py::closed": "the same mask, where it is made",
    "becalm/patrol/core/judge_plan.py::what": "what a rule's breach was: the field of Violation",
    "becalm/patrol/core/dose_places.py::listed": "listed places, the argument of a question",
    "becalm/patrol/core/seed_audit.py::what": "the field of a finding, as in Fault",
    "becalm/record/desk/street.py::refused": "a key of the JSON",
    "becalm/record/files/street_keys.py::sealed": "a key of the JSON",
    "becalm/rehearse/judge.py::asked": "a key of the JSON: asked, truth, said, low, high, held",
    "becalm/rehearse/judge.py::held": "a key of the JSON",
    "becalm/rehearse/judge.py::said": "a key of the JSON",
    "becalm/rehearse/report.py::held": "how many figures held: a column of the table",
    "becalm/simulate/settings.py::recorded": "whether an offence is recorded at all",
    "becalm/terms/errors.py::what": "where, what, remedy: the three parts of a fault",
    "becalm/terms/intake.py::loaded": "a key of the JSON, beside rows",
    "becalm/terms/intake.py::rejected": "a key of the JSON, beside rows",
    "becalm/terms/intake.py::repaired": "a key of the JSON, beside rows",
    "becalm/workspace/config.py::chosen": "an entry of becalm.toml",
}


def assigned_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a file gives: to values, parameters, functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def vague_names(source: Source) -> list[str]:
    return [
        f"{source.path}::{name}"
        for name, _ in assigned_names(source.tree)
        if name.strip("_").lower() in VAGUE
    ]


def test_every_name_says_what_it_holds(sources: tuple[Source, ...]) -> None:
    places = [place for source in sources for place in vague_names(source)]
    assert sorted(set(places) - set(ALLOWED)) == []
    assert sorted(set(ALLOWED) - set(places)) == [], "these exceptions are no longer needed"


@pytest.mark.parametrize(
    "line",
    [
        "found = search()",
        "_told = 'careful'",
        "def known(): ...",
        "class Asked: ...",
        "def ask(given): ...",
        "for each in visits: pass",
        "KEPT: int = 3",
    ],
)
def test_a_planted_vague_name_is_seen(line: str) -> None:
    assert len(vague_names(read_source("becalm/find/planted.py", line))) == 1


def test_a_name_with_its_noun_passes() -> None:
    assert (
        vague_names(read_source("becalm/find/named.py", "kept_rows = listed_places = expected_counts = 1"))
        == []
    )
