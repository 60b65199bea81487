"""Which small faults can be planted in a file? One change at one place each.

The operators are mutmut's, as far as their faults are slips that a person makes and that leave a figure
wrong; what only ends in a TypeError (an argument left out, a value that is None) or changes a text is not
asked for. Added are the slips of which mutmut has none: a statement left out, a condition turned round,
`any` for `all`, the larger for the smaller.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst
from libcst import matchers
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

SWAPPED_NAMES = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "floor": "ceil",
    "ceil": "floor",
}
# Keywords whose value no answer depends on: they check, or tell a compiler how
IDLE_KEYWORDS = frozenset(
    {"strict", "slots", "frozen", "kw_only", "cache", "nogil", "parallel", "inline", "copy"}
)


@dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    file: str  # below src/becalm
    line: int
    lines: tuple[int, int]  # of the statement, first and last
    function: str  # the qualified name of what it stands in; empty in the body of the module
    names: tuple[
        str, ...
    ]  # what to look for where the line itself is not traced: of a kernel, class or constant
    operator: str
    before: str
    after: str
    sound: str  # the whole file
    text: str  # the same with the fault

    @property
    def place(self) -> str:
        """How a person finds it."""
        return f"src/becalm/{self.file}:{self.line}"


def remove_statement(node: libcst.SimpleStatementLine) -> Iterator[libcst.CSTNode]:
    """Leave out a call whose answer is not used, or a refusal."""
    statement = node.body[0]
    if len(node.body) == 1 and (
        matchers.matches(statement, matchers.Expr(matchers.Call())) or isinstance(statement, libcst.Raise)
    ):
        yield node.with_changes(body=[libcst.Pass()])


def turn_condition(node: libcst.If | libcst.While) -> Iterator[libcst.CSTNode]:
    """Take the other branch."""
    test = node.test.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
    yield node.with_changes(test=libcst.UnaryOperation(libcst.Not(), test))


def swap_name(node: libcst.Call) -> Iterator[libcst.CSTNode]:
    """`any` for `all`, the largest for the smallest."""
    name = node.func.attr if isinstance(node.func, libcst.Attribute) else node.func
    if isinstance(name, libcst.Name) and name.value in SWAPPED_NAMES:
        yield node.with_deep_changes(name, value=SWAPPED_NAMES[name.value])


OPERATORS: Sequence[tuple[Any, Callable[[Any], Iterable[libcst.CSTNode]]]] = (
    (libcst.BaseNumber, mutators.operator_number),
    (libcst.Name, mutators.operator_name),
    (libcst.AugAssign, mutators.operator_augmented_assignment),
    (libcst.UnaryOperation, mutators.operator_remove_unary_ops),
    (libcst.CSTNode, mutators.operator_keywords),
    (libcst.CSTNode, mutators.operator_swap_op),
    (libcst.IfExp, mutators.operator_if_exp),
    (libcst.SimpleStatementLine, remove_statement),
    ((libcst.If, libcst.While), turn_condition),
    (libcst.Call, swap_name),
)


@dataclass(frozen=True)
class Change:
    """A node, what is to stand in its place, and where it is."""

    node: libcst.CSTNode
    replacement: libcst.CSTNode
    line: int
    lines: tuple[int, int]
    function: str
    names: tuple[str, ...]
    operator: str


class ChangeFinder(libcst.CSTVisitor):
    """Walks over a module and notes every change that can be made."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []
        self.scopes: list[tuple[str, bool, bool]] = []  # name, is a function, is compiled
        self.statements: list[tuple[tuple[int, int], tuple[str, ...]]] = []

    def on_visit(self, node: libcst.CSTNode) -> bool:
        """Remember where we are, and note what can be changed here."""
        if is_left_alone(node):
            return False
        if isinstance(node, libcst.BaseCompoundStatement | libcst.SimpleStatementLine):
            self.statements.append((self.lines_of(node), assigned_names(node)))
        if isinstance(node, libcst.FunctionDef | libcst.ClassDef):
            is_function = isinstance(node, libcst.FunctionDef)
            self.scopes.append((node.name.value, is_function, is_compiled(node)))
        if self.statements:
            self.note(node)
        return True

    def on_leave(self, original_node: libcst.CSTNode) -> None:
        """Forget where we were."""
        if is_left_alone(original_node):
            return
        if isinstance(original_node, libcst.BaseCompoundStatement | libcst.SimpleStatementLine):
            self.statements.pop()
        if isinstance(original_node, libcst.FunctionDef | libcst.ClassDef):
            self.scopes.pop()

    def lines_of(self, node: libcst.CSTNode) -> tuple[int, int]:
        """First and last line of a statement; of a compound one, of its head."""
        position = self.get_metadata(PositionProvider, node)
        body = getattr(node, "body", None)
        if not isinstance(body, libcst.BaseSuite):
            return position.start.line, position.end.line
        start = (
            self.get_metadata(PositionProvider, body.body[0]).start.line if body.body else position.end.line
        )
        return position.start.line, max(start - 1, position.start.line)

    def note(self, node: libcst.CSTNode) -> None:
        """Note what every operator makes of this node."""
        position = self.get_metadata(PositionProvider, node, None)
        lines, assigned = self.statements[-1]
        functions = [name for name, is_function, _ in self.scopes if is_function]
        compiled = [name for name, _, is_kernel in self.scopes if is_kernel]
        names = tuple(compiled) if functions else (*assigned, *(name for name, _, _ in self.scopes[-1:]))
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                for replacement in operator(node):
                    self.changes.append(
                        Change(
                            node,
                            replacement,
                            position.start.line if position else lines[0],
                            lines,
                            ".".join(name for name, _, _ in self.scopes) if functions else "",
                            names or tuple(functions[-1:]),
                            operator.__name__.removeprefix("operator_"),
                        )
                    )


def is_left_alone(node: libcst.CSTNode) -> bool:
    """Whether no fault is planted in this node: imports, annotations, decorators, options of a check."""
    if isinstance(node, libcst.Import | libcst.ImportFrom | libcst.Annotation | libcst.Decorator):
        return True
    if isinstance(node, libcst.Arg):
        return node.keyword is not None and node.keyword.value in IDLE_KEYWORDS
    if matchers.matches(
        node, matchers.BinaryOperation(operator=matchers.BitOr(), right=matchers.Name("None"))
    ):
        return True  # a name of a type
    if isinstance(node, libcst.Call) and isinstance(node.func, libcst.Name):
        return node.func.value in {"isinstance", "TypeVar", "NewType", "cast"}
    return isinstance(node, libcst.If) and matchers.matches(node.test, matchers.Name("TYPE_CHECKING"))


def assigned_names(node: libcst.CSTNode) -> tuple[str, ...]:
    """What a statement of a module or class gives a value to."""
    nodes = matchers.findall(node, matchers.AssignTarget() | matchers.AnnAssign()) if is_simple(node) else []
    return tuple(n.target.value for n in nodes if isinstance(n.target, libcst.Name))


def is_simple(node: libcst.CSTNode) -> bool:
    """Whether a statement holds no others."""
    return isinstance(node, libcst.SimpleStatementLine)


def is_compiled(node: libcst.FunctionDef | libcst.ClassDef) -> bool:
    """Whether numba makes machine code of it, which no tracer follows."""
    return any(matchers.findall(d, matchers.Name("njit")) for d in node.decorators)


class ChangedFile:
    """A file and the changes that can be made to it."""

    def __init__(self, source: Path, file: str) -> None:
        self.file = file
        self.text = (source / file).read_text("utf-8")
        self.wrapper = MetadataWrapper(libcst.parse_module(self.text), unsafe_skip_copy=True)
        finder = ChangeFinder()
        self.wrapper.visit(finder)
        self.changes = finder.changes

    def mutant(self, index: int) -> Mutant:
        """The fault of this number, planted."""
        change = self.changes[index]
        module = self.wrapper.module.deep_replace(change.node, change.replacement)
        text = module.code  # type: ignore[union-attr]
        before, after = changed_lines(self.text, text)
        return Mutant(
            self.file,
            change.line,
            change.lines,
            change.function,
            change.names,
            change.operator,
            before,
            after,
            self.text,
            text,
        )

    def matching(self, wanted: Collection[tuple[str, str, str]]) -> Iterator[Mutant]:
        """The faults with this operator, line before and line after, wherever they stand now."""
        lines = [line.strip() for line in self.text.splitlines()]
        places = {(operator, before) for operator, before, _ in wanted}
        for index, change in enumerate(self.changes):
            first, last = change.lines
            if any((change.operator, line) in places for line in lines[first - 1 : last]):
                mutant = self.mutant(index)
                if (mutant.operator, mutant.before, mutant.after) in wanted:
                    yield mutant

    def sample(self, size: int | None, rng: random.Random) -> list[Mutant]:
        """As many faults as asked for, drawn without replacement; all where no number is given."""
        indices = range(len(self.changes))
        chosen = indices if size is None else sorted(rng.sample(indices, min(size, len(indices))))
        return [self.mutant(index) for index in chosen]


def changed_lines(old: str, new: str) -> tuple[str, str]:
    """The line that a change is seen in, before and after."""
    lines = [*difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")][3:]
    before = next((line[1:].strip() for line in lines if line.startswith("-")), "")
    return before, next((line[1:].strip() for line in lines if line.startswith("+")), "")
