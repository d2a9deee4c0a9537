"""An allow-list as a contract of import-linter: what stands on it may be imported, and nothing else."""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

__all__ = ["OnlyContract"]


class OnlyContract(Contract):
    """A package imports itself, the standard library and what is allowed, each with all that is inside it."""

    type_name = "only"

    package: Any = fields.StringField()
    allowed: Any = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return whether each direct import of the package's modules is allowed."""
        modules = {self.package, *graph.find_descendants(self.package)}
        others = [
            (importer, imported)
            for importer in sorted(modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not self._is_allowed(imported)
        ]
        lines = [
            f"{importer}:{detail['line_number']}: {detail['line_contents'].strip()}"
            for importer, imported in others
            for detail in graph.get_import_details(importer=importer, imported=imported)
        ]
        return ContractCheck(kept=not others, metadata={"lines": lines})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that are not allowed."""
        output.print(f"{self.package} may import: {', '.join(sorted(self.allowed))}.")
        for line in check.metadata["lines"]:
            output.print_error(f"- {line}", bold=False)

    def _is_allowed(self, module: str) -> bool:
        if module.partition(".")[0] in sys.stdlib_module_names:
            return True
        return any(module == name or module.startswith(f"{name}.") for name in (self.package, *self.allowed))
