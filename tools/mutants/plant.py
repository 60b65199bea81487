"""Plants a fault in this process, never on disk.

A fault within a function is planted by giving every function object its new code; one that shows while a
module is imported, by importing everything of ours anew. Compiled functions that hold or call the fault are
compiled again, for numba's cache knows a function by its file and would answer with the sound one.
"""

from __future__ import annotations

import gc
import importlib.machinery
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from changes import Mutant
from numba.core import caching, dispatcher
from tracing import ROOT, SOURCE

OURS = (str(SOURCE), str(ROOT / "tests"))


def compiled(text: str, path: Path) -> CodeType:
    """The code of a module."""
    return compile(text, str(path), "exec", dont_inherit=True)


def inner_codes(code: CodeType) -> dict[str, list[CodeType]]:
    """What is defined within this code, by name, in order."""
    by_name: dict[str, list[CodeType]] = defaultdict(list)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            by_name[constant.co_name].append(constant)
    return by_name


def paired_codes(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Each code with the one that takes its place, this one first."""
    yield old, new
    new_codes = inner_codes(new)
    for name, codes in inner_codes(old).items():
        for old_inner, new_inner in zip(codes, new_codes.get(name, []), strict=False):
            yield from paired_codes(old_inner, new_inner)


def differs(old: CodeType, new: CodeType) -> bool:
    """Whether a code does another thing, itself or by what is defined in it."""
    return any(own_part(a) != own_part(b) for a, b in paired_codes(old, new))


def is_class_or_module(code: CodeType) -> bool:
    """Whether this code runs once, when it is defined."""
    return not code.co_flags & 0x02  # a function's code is "new locals"


def own_part(code: CodeType) -> tuple[Any, ...]:
    """What a code does itself, without what is defined in it."""
    constants = tuple(repr(c) for c in code.co_consts if not isinstance(c, CodeType))
    return code.co_code, code.co_names, code.co_varnames, constants


class UnplantedError(Exception):
    """The fault is nowhere in this process: the file was changed since it was read."""


class Planting:
    """One fault, and how it gets into this process."""

    def __init__(self, mutant: Mutant) -> None:
        self.path = SOURCE / mutant.file
        self.code = compiled(mutant.text, self.path)
        sound = compiled(mutant.sound, self.path)
        pairs = [*paired_codes(sound, self.code)]
        self.shows_on_import = any(is_class_or_module(a) and own_part(a) != own_part(b) for a, b in pairs)
        self.new_codes = {a: b for a, b in pairs if not is_class_or_module(a) and differs(a, b)}
        self.names = {old.co_name for old in self.new_codes} | set(mutant.names)
        self.text = mutant.text
        self.kernels = affected_kernels(self.names)

    def plant(self, scratch: Path) -> None:
        """Put the fault in, so that no module and no cache gives the sound code back."""
        self.redirect_programs(scratch / self.path.name)
        if self.shows_on_import:
            self.import_anew({kernel.py_func.__qualname__ for kernel in self.kernels})
            return
        self.serve_changed_module()
        changed_count = 0
        for function in (f for f in gc.get_objects() if isinstance(f, FunctionType)):
            new_code = self.new_codes.get(function.__code__)
            if new_code is not None and function.__code__.co_filename == str(self.path):
                function.__code__ = new_code
                changed_count += 1
        is_imported = any(
            getattr(module, "__file__", None) == str(self.path) for module in sys.modules.values()
        )
        if is_imported and not changed_count:
            raise UnplantedError(f"{self.path} is not what it was when the fault was made")
        for kernel in self.kernels:
            kernel._cache = caching.NullCache()  # numba has no public way to forget a cache

    def serve_changed_module(self) -> None:
        """Whoever imports the module from now on gets the changed one."""
        loader, path, code = importlib.machinery.SourceFileLoader, str(self.path), self.code
        sound = loader.get_code

        def get_code(self: Any, fullname: str) -> Any:
            return code if self.get_filename(fullname) == path else sound(self, fullname)

        loader.get_code = get_code  # type: ignore[method-assign]

    def import_anew(self, kernels: set[str]) -> None:
        """Forget all modules of ours, so that the next import runs the changed one."""
        self.serve_changed_module()
        enable_caching = dispatcher.Dispatcher.enable_caching

        def enable(self: Any) -> None:
            if self.py_func.__qualname__ not in kernels:
                enable_caching(self)

        dispatcher.Dispatcher.enable_caching = enable
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(OURS):
                del sys.modules[name]

    def redirect_programs(self, copy: Path) -> None:
        """A program that is started from the file itself, or reads it, gets the changed one."""
        path, init = str(self.path), subprocess.Popen.__init__
        copy.write_text(self.text, "utf-8")

        def start(self: Any, args: Any, *more: Any, **options: Any) -> None:
            if isinstance(args, list | tuple):
                args = [str(copy) if str(word) == path else word for word in args]
            init(self, args, *more, **options)

        subprocess.Popen.__init__ = start  # type: ignore[method-assign]
        sound, text = Path.read_text, self.text

        def read_text(self: Path, *more: Any, **options: Any) -> str:
            return text if str(self) == path else sound(self, *more, **options)

        Path.read_text = read_text  # type: ignore[method-assign]


def affected_kernels(names: set[str]) -> list[Any]:
    """The compiled functions in which one of these names stands, or that call such a one."""
    kernels = [o for o in gc.get_objects() if isinstance(o, dispatcher.Dispatcher)]
    known, size = set(names), -1
    while len(known) != size:
        size = len(known)
        known |= {k.py_func.__name__ for k in kernels if known & set(k.py_func.__code__.co_names)}
    return [kernel for kernel in kernels if kernel.py_func.__name__ in known]
