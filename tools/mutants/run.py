"""Plants small faults in the code, one at a time, and says which of them no test sees.

    make mutants ARGS="--sample 15 --seed 7"           15 a file, over all that answers rest on
    make mutants ARGS="--sample 15 --seed 7 measure"   of one job: a path below src/becalm
    make mutants ARGS="measure/core/compare.py"        every fault of one file

The first run traces which tests run which lines (the map in build/mutants, kept and mended as tests change).
docs/how-to/plant-a-fault.md tells more; decision 0017 why it is mutmut's operators and a runner of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src" / "becalm"
KNOWN = HERE / "known.toml"
EQUIVALENT = HERE / "equivalent.toml"
SCORE = HERE / "score.json"
ROOMS = ("*/core/**/*.py", "methods/**/*.py", "tables/**/*.py", "ledger/**/*.py", "ingest/**/*.py")
LEFT_OUT = (
    "ledger/store/migrations/",
    "ingest/cli.py",
    "ingest/desk.py",
)  # no rule of the programme is in them
KEY_NAMES = ("file", "line", "function", "operator", "before", "after")
TEST_FOLDERS = ("spec", "property", "oracle", "store", "journey")
Result = dict[str, Any]


class UnusableRequestError(Exception):
    """What was asked for cannot be done; the text says why."""


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make mutants", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "paths", nargs="*", help="files or folders below src/becalm; all that answers rest on"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many faults a file, instead of all")
    parser.add_argument("--total", type=int, metavar="N", help="so many faults in all, over the files chosen")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample (default 1)")
    parser.add_argument(
        "--budget", type=float, default=60.0, help="seconds of tests for one fault (default 60)"
    )
    parser.add_argument("--again", type=Path, metavar="RESULTS", help="what these results did not see")
    parser.add_argument("--known", action="store_true", help="the faults that once passed, with their tests")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (default 2)")
    parser.add_argument(
        "--trace", choices=("changed", "none"), default="changed", help="what to trace before"
    )
    parser.add_argument("--by", choices=("folder", "file"), default="folder", help="a row of the table")
    parser.add_argument("--keep", action="store_true", help="keep the score for make house")
    parser.add_argument("--results", type=Path, help="write one line of JSON for each fault here")
    return parser.parse_args(words)


def chosen_files(paths: Sequence[str]) -> list[str]:
    """The files that are asked for; all that answers rest on where none is named."""
    rooms = {str(p.relative_to(SOURCE)) for room in ROOMS for p in SOURCE.glob(room)}
    rooms = {file for file in rooms if not file.startswith(LEFT_OUT) and not file.endswith("__init__.py")}
    if not paths:
        return sorted(rooms)
    files: set[str] = set()
    for path in (text.removeprefix("src/becalm/").rstrip("/") for text in paths):
        if (SOURCE / path).is_file():
            files.add(path)
        elif (SOURCE / path).is_dir():
            files |= {file for file in rooms if file.startswith(f"{path}/")}
        else:
            raise UnusableRequestError(f"There is no file or folder {path!r} below src/becalm.")
    return sorted(files)


def environment() -> dict[str, str]:
    """As the tests run anywhere: no public data, one thread for linear algebra, compiled modules kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(HERE)]),
        "PYTHONPYCACHEPREFIX": str(ROOT / "build" / "mutants" / "compiled"),
        "BECALM_SHARED_DATA": str(ROOT / "build" / "no-public-data"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def trace_changed_tests() -> None:
    """Trace every file of tests that is not in the map, or not as it is now."""
    from tracing import digest_of, map_file  # not before it is known that coverage is there

    waiting = []
    for path in sorted(p for folder in TEST_FOLDERS for p in (ROOT / "tests" / folder).rglob("test_*.py")):
        file = str(path.relative_to(ROOT))
        kept = map_file(file)
        text = path.read_text("utf-8")
        if not kept.exists() or json.loads(kept.read_text("utf-8"))["digest"] != digest_of(text):
            waiting.append(file)
    if waiting:
        sys.stderr.write(
            f"Tracing {len(waiting)} files of tests (once; they are kept in build/mutants) ...\n"
        )
        run_pytest("tracing", waiting, {})


def run_pytest(plugin: str, tests: Sequence[str], more: dict[str, str]) -> None:
    """Run tests with one of our plugins; what fails is left out of the map, and is not our business here."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin, "--capture=sys"]
    command += ["-p", "no:unraisableexception"]
    with tempfile.TemporaryFile("w+") as printed:
        done = subprocess.run(
            [*command, "-m", "not exhaustive", *tests],
            cwd=ROOT,
            env=environment() | more,
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode > 1 and done.returncode != 5:
            printed.seek(0)
            raise UnusableRequestError(f"pytest could not run the tests:\n{printed.read()[-3000:]}")


def plan_work(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[Result]]:
    """The mutants with the tests that may see them; and those that are known to change nothing."""
    from changes import ChangedFile
    from line_map import LineMap

    line_map, rng = LineMap.read(), random.Random(arguments.seed)
    reasons = equivalent_reasons()
    drawn = []
    unseen = unseen_changes(arguments.again) if arguments.again else None
    for file in chosen_files(arguments.paths) if unseen is None else sorted(unseen):
        changed = ChangedFile(SOURCE, file)
        drawn += changed.sample(arguments.sample, rng) if unseen is None else changed.matching(unseen[file])
    if arguments.total is not None:
        drawn = rng.sample(drawn, min(arguments.total, len(drawn)))
    jobs: list[dict[str, Any]] = []
    equivalent: list[Result] = []
    for mutant in drawn:
        key = {name: getattr(mutant, name) for name in KEY_NAMES}
        reason = reasons.get((mutant.file, mutant.before, mutant.after))
        if reason:
            equivalent.append(key | {"outcome": "equivalent", "reason": reason, "seconds": 0.0})
            continue
        tests = line_map.tests_of(mutant)
        chosen = tests_within(tests, arguments.budget)
        key["left"] = len(tests) - len(chosen)
        jobs.append({"key": key, "mutant": asdict(mutant), "tests": {t.name: t.seconds for t in chosen}})
    return jobs, equivalent


def unseen_changes(results: Path) -> dict[str, set[tuple[str, str, str]]]:
    """Of each file, the changes that earlier results list as not seen."""
    unseen: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for row in map(json.loads, results.read_text("utf-8").splitlines()):
        if row["outcome"] in {"survived", "untested"}:
            unseen[row["file"]].add((row["operator"], row["before"], row["after"]))
    return unseen


def known_work() -> list[dict[str, Any]]:
    """The faults of known.toml, each with the one test that is to see it."""
    from changes import Mutant

    jobs = []
    for fault in tomllib.loads(KNOWN.read_text("utf-8"))["fault"]:
        text = (SOURCE / fault["file"]).read_text("utf-8")
        if text.count(fault["before"]) != 1:
            raise UnusableRequestError(f"{fault['file']} does not hold this once: {fault['before']}")
        line = text[: text.index(fault["before"])].count("\n") + 1
        changed = text.replace(fault["before"], fault["after"])
        words = (fault["before"].strip(), fault["after"].strip())
        mutant = Mutant(fault["file"], line, (line, line), "known", (), "known", *words, text, changed)
        key = {name: getattr(mutant, name) for name in KEY_NAMES} | {"what": fault["what"], "left": 0}
        jobs.append({"key": key, "mutant": asdict(mutant), "tests": {fault["test"]: 10.0}})
    return jobs


def tests_within(tests: Iterable[Any], budget: float) -> list[Any]:
    """The cheapest tests, as long as they stay within the budget together; one at least."""
    chosen: list[Any] = []
    for test in tests:
        budget -= test.seconds
        if budget < 0 and chosen:
            break
        chosen.append(test)
    return chosen


def equivalent_reasons() -> dict[tuple[str, str, str], str]:
    """The reviewed list of changes that change no answer, with the reason of each."""
    entries = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", []) if EQUIVALENT.exists() else []
    return {(e["file"], e["before"], e["after"]): e["reason"] for e in entries}


def try_all(jobs: Sequence[dict[str, Any]], workers: int) -> list[Result]:
    """Try every mutant, in as many warm sessions as there are workers."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number in range(workers):
            part = jobs[number::workers]
            work = Path(folder) / f"{number}.jobs"
            work.write_text("".join(json.dumps(job) + "\n" for job in part), "utf-8")
            tests = sorted({name.split("::")[0] for job in part for name in job["tests"]})
            if part and tests:
                running.append((work, start_trial(work, tests)))
            else:
                results += [job["key"] | {"outcome": "untested", "seconds": 0.0} for job in part]
        results += results_of(running)
    return results


def results_of(running: Sequence[tuple[Path, subprocess.Popen[str]]]) -> list[Result]:
    """Wait for the sessions, and read what they wrote; once interrupted, end them and read what there is."""
    printed, is_whole = "", True
    try:
        for _, process in running:
            printed += process.communicate()[0]
    except KeyboardInterrupt:
        is_whole = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for _, process in running:
            process.kill()
            process.wait()
    kept = [work.with_suffix(".results") for work, _ in running]
    lines = [line for path in kept if path.exists() for line in path.read_text("utf-8").splitlines()]
    missing = sum(len(work.read_text("utf-8").splitlines()) for work, _ in running) - len(lines)
    if missing and is_whole:
        raise UnusableRequestError(f"A session of tests ended early:\n{printed[-3000:]}")
    if missing:
        sys.stderr.write(f"Interrupted: {missing} faults were not tried.\n")
    return [json.loads(line) for line in lines]


def start_trial(work: Path, tests: Sequence[str]) -> subprocess.Popen[str]:
    """One warm session of pytest for a part of the work."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "trial", "--capture=sys", "-m", "not exhaustive"]
    # What the parent leaves to its garbage is no fault of a test in a fork.
    options += ["-p", "no:unraisableexception"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env=environment() | {"BECALM_TRIAL": str(work)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def folder_of(file: str) -> str:
    """The room of a file: a job's core, or a floor."""
    parts = file.split("/")
    return "/".join(parts[:2]) if parts[1] == "core" else parts[0]


def share_seen(results: Sequence[Result]) -> float:
    """Which share of the faults that change something was seen; a hang is seen."""
    counts = Counter(r["outcome"] for r in results)
    real = len(results) - counts["equivalent"]
    return (counts["seen"] + counts["hang"]) / real if real else 1.0


def broken_share(results: Sequence[Result]) -> float:
    """Which share of those seen was seen by something that broke, not by an assertion."""
    seen = [r for r in results if r["outcome"] == "seen"]
    return sum(r["how"] != "assertion" for r in seen) / len(seen) if seen else 0.0


def report(results: Sequence[Result], by: str) -> Iterator[str]:
    """The table, and below it what no test saw."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[folder_of(result["file"]) if by == "folder" else result["file"]].append(result)
    width = max(map(len, [*groups, "all"]))
    yield f"{'':<{width}}  faults  seen  hang  survived  untested  equivalent  share seen  broken"
    for name, rows in [*sorted(groups.items()), ("all", list(results))]:
        n = Counter(row["outcome"] for row in rows)
        counts = (len(rows), n["seen"], n["hang"], n["survived"], n["untested"], n["equivalent"])
        cells = [f"{count:>{w}}" for count, w in zip(counts, (6, 4, 4, 8, 8, 10), strict=True)]
        shares = f"{share_seen(rows):>10.1%}  {broken_share(rows):>6.0%}"
        yield f"{name:<{width}}  {'  '.join(cells)}  {shares}"
    yield ""
    for row in sorted(results, key=lambda r: (r["file"], r["line"])):
        if row["outcome"] in {"survived", "untested"}:
            yield f"{row['outcome']}: src/becalm/{row['file']}:{row['line']} {row['operator']}"
            yield f"    - {row['before']}"
            yield f"    + {row['after']}"


def keep_score(results: Sequence[Result], arguments: argparse.Namespace) -> None:
    """Write the score that `make house` prints."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[folder_of(result["file"])].append(result)
    rows = {name: [len(rows), round(share_seen(rows), 3)] for name, rows in sorted(groups.items())}
    score = {
        "seed": arguments.seed,
        "faults": len(results),
        "seen": round(share_seen(results), 3),
        "folders": rows,
    }
    SCORE.write_text(json.dumps(score, indent=1) + "\n", "utf-8")


def main(words: Sequence[str]) -> int:
    """Plant, try, report; answers with 1 where a fault was not seen, 2 where nothing could be done."""
    arguments = parse_arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: report what was done
    try:
        chosen_files(arguments.paths)
        check_tools()
        if arguments.trace == "changed" and not arguments.known:
            trace_changed_tests()
        jobs, results = (known_work(), []) if arguments.known else plan_work(arguments)
        results += try_all(jobs, max(arguments.workers, 1))
    except UnusableRequestError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.results:
        arguments.results.write_text("".join(json.dumps(r) + "\n" for r in results), "utf-8")
    if arguments.keep:
        keep_score(results, arguments)
    sys.stdout.write("\n".join(report(results, arguments.by)) + "\n")
    return 1 if any(r["outcome"] in {"survived", "untested"} for r in results) else 0


def check_tools(names: Sequence[str] = ("mutmut", "coverage", "pytest")) -> None:
    """Whether what this stands on is installed."""
    for name in names:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            raise UnusableRequestError(
                f"{name} is not installed: run `make install-test`, then try again."
            ) from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
