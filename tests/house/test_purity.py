"""Jobs, methods, tables and terms touch no clock, file, environment, screen or hidden chance."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator

import pytest

from house import ROOT, Source, read_source

MAKES_CHANCE = {"app", "desk"}

CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
CLOCK |= {"time.perf_counter", "Timestamp.now", "Timestamp.today"}
CHANCE = {
    "random.default_rng",
    "default_rng",
    "random.seed",
    "random.random",
    "random.shuffle",
    "random.choice",
}
CHANCE |= {"secrets.randbits", "secrets.token_bytes", "uuid.uuid4", "uuid4", "os.urandom"}
OUTSIDE = {"open", "input", "print", "exec", "eval", "breakpoint", "read_text", "write_text", "read_bytes"}
OUTSIDE |= {"write_bytes", "read_parquet", "read_csv", "to_csv", "to_parquet", "read_json", "urlopen"}
ENVIRONMENT = {"os.environ", "os.getenv"}
MAKES_GENERATORS = {"becalm/methods/arrays.py"}  # from a seed that it is given: the desks import no NumPy
READS_THE_ENVIRONMENT = {
    "becalm/app/main.py": "the composition root",
    "becalm/archive/parquet.py": "Spark finds Java by JAVA_HOME, as every Java program does",
}


def pure_packages() -> list[list[str]]:
    """The packages that the contract "pure" names, as words; `*` stands for any job."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (contract,) = [contract for contract in contracts if contract["id"] == "pure"]
    return [package.split(".") for package in contract["source_modules"]]


PURE = pure_packages()


def is_pure(source: Source) -> bool:
    words = source.path.removesuffix(".py").split("/")
    return any(
        len(words) >= len(package) and all(p in ("*", w) for p, w in zip(package, words, strict=False))
        for package in PURE
    )


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def ends_with(name: str, forbidden: set[str]) -> bool:
    """Whether the dotted name, or its last one or two words, is forbidden."""
    words = name.split(".")
    return bool({".".join(words[-2:]), words[-1]} & forbidden)


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    return ((node.lineno, dotted(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call))


def impurities(source: Source) -> list[str]:
    forbidden: set[str] = set()
    if is_pure(source):
        forbidden |= CLOCK | OUTSIDE
    if not MAKES_CHANCE & {source.room, *source.roles[:1]} and source.path not in MAKES_GENERATORS:
        forbidden |= CHANCE
    found = [(line, name) for line, name in calls(source.tree) if ends_with(name, forbidden)]
    if source.path not in READS_THE_ENVIRONMENT:
        found += [
            (node.lineno, dotted(node))
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Attribute) and dotted(node) in ENVIRONMENT
        ]
    return [f"{source.path}:{line} {name}" for line, name in found]


def generators_as_defaults(source: Source) -> list[str]:
    """Places where a call that makes chance or reads a clock stands as the default of an argument."""
    return [
        f"{source.path}:{default.lineno} {dotted(default.func)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        for default in [*node.args.defaults, *node.args.kw_defaults]
        if isinstance(default, ast.Call) and ends_with(dotted(default.func), CLOCK | CHANCE)
    ]


def test_the_pure_rooms_are_pure(sources: tuple[Source, ...]) -> None:
    assert [fault for source in sources for fault in impurities(source)] == []


def test_no_default_of_an_argument_draws_or_tells_the_time(sources: tuple[Source, ...]) -> None:
    assert [fault for source in sources for fault in generators_as_defaults(source)] == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("measure/core", "print(1)"),
        ("find/core", "datetime.now(UTC)"),
        ("patrol/core", "time.time()"),
        ("record/core", "open('x')"),
        ("methods", "rng = np.random.default_rng(1)"),
        ("methods", "np.random.shuffle(values)"),
        ("tables", "open('x')"),
        ("tables", "con.read_parquet('x')"),
        ("terms", "date.today()"),
        ("terms", "path.read_text()"),
        ("ingest", "os.environ['HOME']"),
        ("archive", "os.getenv('HOME')"),
        ("simulate", "default_rng(0)"),
    ],
)
def test_a_planted_impurity_is_found(room: str, line: str) -> None:
    assert impurities(read_source(f"becalm/{room}/planted.py", line))


def test_a_planted_default_is_found() -> None:
    text = "def draw(rng=default_rng(0)): ..."
    assert generators_as_defaults(read_source("becalm/find/planted.py", text))
