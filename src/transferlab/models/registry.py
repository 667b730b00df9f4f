"""The names by which saved models know classes, and which classes such a name may lead to.

What this project ships has a short name, so that it may move in the code. Everything else is ``package.module:Class``:
a class that somebody put into this package is loaded like ours, one of another package only if the caller trusts that
package. A file never widens this.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferlab.utils.config_checks import keyword_names
from transferlab.utils.errors import UserError, near

_PLUG_IN = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)")


class SavedModelError(UserError):
    """A path that holds no saved model, or one that cannot be loaded as it stands."""


@dataclass(frozen=True)
class Registry:
    """One kind of class that saved models name.

    Attributes:
        package: where those of this project are defined.
        offers: methods that every such class has.
        base: ``module:Class``, of which every such class is a subclass; None: of none in particular.
        names: {name: ``module:Class``} of those that this project ships; modules are relative to the package.
    """

    package: str
    offers: tuple[str, ...]
    base: str | None
    names: Mapping[str, str]

    def name(self, target: str) -> str:
        """The name of an import path ``package.module.Class``, whether or not there is such a class."""
        place = ":".join(target.rpartition(".")[::2])
        ours = {f"{self.package}.{place}": name for name, place in self.names.items()}
        return ours.get(place, place)

    def name_of(self, kind: type) -> str:
        """The name of a class."""
        return self.name(f"{kind.__module__}.{kind.__qualname__}")

    def find(self, name: Any, trust: str | Sequence[str], place: str) -> type:
        """The class of a name.

        Args:
            name: as a file has it.
            trust: packages, or modules, whose classes may be loaded too.
            place: of the name, for messages.

        Raises:
            SavedModelError: no such class, one that is not trusted, or one of another kind.
        """
        stated = f"{self.package}.{self.names[name]}" if isinstance(name, str) and name in self.names else name
        found = _PLUG_IN.fullmatch(stated) if isinstance(stated, str) else None
        trusted = [self.package, *([trust] if isinstance(trust, str) else trust or ())]
        if found is None or not any(_lies_in(found["module"], package) for package in trusted):
            package = found["module"].partition(".")[0] if found is not None else ""
            hint = (
                f"if {package} is a package of yours, trust=[{package}] allows it"
                if package
                else near(str(name), self.names)
            )
            raise SavedModelError(f"{place}: {name!r} is not a class of {self.package}{'; ' * bool(hint)}{hint}")
        try:
            kind = vars(importlib.import_module(found["module"])).get(found["name"])
        except ImportError as error:
            raise SavedModelError(f"{place}: {name!r} cannot be imported: {error}") from error
        # what a module merely imports is somebody else's
        defined = inspect.isclass(kind) and any(_lies_in(kind.__module__, package) for package in trusted)
        if not defined or not self._fits(kind):
            wanted = self.base.partition(":")[2] if self.base else f"class with {', '.join(self.offers)}"
            raise SavedModelError(f"{place}: {name!r} is not a {wanted} that is defined in that package")
        assert inspect.isclass(kind)
        return kind

    def _fits(self, kind: Any) -> bool:
        if self.base is not None:
            module, _, name = self.base.partition(":")
            if not issubclass(kind, getattr(importlib.import_module(module), name)):
                return False
        return not inspect.isabstract(kind) and all(callable(getattr(kind, method, None)) for method in self.offers)


MODELS = Registry(
    package="transferlab.models",
    offers=("predictions",),
    base="transferlab.models.base:TransferModel",
    names={
        "classification": "classification_model:ClassificationModel",
        "coreference": "coreference_model:CoreferenceModel",
        "question_answering": "question_answering_model:QuestionAnsweringModel",
        "token_classification": "token_classification_model:TokenClassificationModel",
    },
)
TASKMODULES = Registry(
    package="transferlab.taskmodules",
    offers=("encode", "collate", "decode"),
    base="transferlab.taskmodules.base:TaskModule",
    names={
        "coreference": "coreference:CoreferenceTaskModule",
        "question_answering": "question_answering:QuestionAnsweringTaskModule",
        "relation_extraction": "relation_extraction:RelationExtractionTaskModule",
        "text_classification": "text_classification:TextClassificationTaskModule",
        "token_classification": "token_classification:TokenClassificationTaskModule",
    },
)
READERS = Registry(
    package="transferlab.data.readers",
    offers=("read",),
    base=None,
    names={
        "columns": "columns:ColumnReader",
        "conll2012": "conll2012:Conll2012Reader",
        "conllu": "conllu:ConllUReader",
        "coref_jsonlines": "coref_jsonlines:CorefJsonLinesReader",
        "crossre": "crossre:CrossReReader",
        "glue": "glue:GlueReader",
        "jsonl": "jsonl:JsonLinesReader",
        "litbank": "litbank:LitBankReader",
        "litbank_ner": "litbank_ner:LitBankEntityReader",
        "semeval2010_task8": "semeval:SemEval2010Task8Reader",
        "squad": "squad:SquadReader",
        "table": "table:TableReader",
        "tacred": "tacred:TacredReader",
    },
)


def build(kind: type, options: Mapping[str, Any], place: str, **given: Any) -> Any:
    """Make an object of a class with the options that a file states.

    Args:
        kind: the class.
        options: of the file.
        place: of the options, for messages.
        given: arguments that the file has no say in.

    Raises:
        UserError: an option that the class does not know, or a value that it refuses.
    """
    accepted = keyword_names(kind)
    for name in options:
        if name in given or (accepted is not None and name not in accepted):
            known = (accepted or set()) - given.keys()
            hint = near(str(name), known) or f"known: {', '.join(sorted(known))}"
            raise SavedModelError(f"{place}: {kind.__name__} takes no option {name!r} from a file; {hint}")
    try:
        return kind(**given, **options)
    except UserError:
        raise
    except Exception as error:  # somebody else's values decide which one it is
        raise SavedModelError(f"{place}: {kind.__name__} cannot be made: {type(error).__name__}: {error}") from error


def _lies_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
