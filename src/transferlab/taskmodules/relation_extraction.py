"""Relations: pairs of arguments to marked rows, and predicted labels back to documents."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any

from transferlab.documents import Document, Relation
from transferlab.metrics.classification import SCORES, check_score, make_score, problem_of
from transferlab.metrics.one_process import compute_alone
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.entity_pairs import PairBound
from transferlab.taskmodules.gold_labels import LABEL_KINDS
from transferlab.taskmodules.relation_candidates import (
    Candidate,
    Directions,
    annotated_candidates,
    asked_candidates,
    asks_annotated,
    require_one_direction,
    require_one_label,
)
from transferlab.taskmodules.relation_examples import RelationExample, RelationMention, document_with_entities
from transferlab.taskmodules.relation_markers import UNITS, Argument, Subtokens, markers, relation_line
from transferlab.utils.batches import ClassificationBatch
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Natural, OneOf
from transferlab.utils.options import checked

log = logging.getLogger(__name__)


class RelationExtractionTaskModule(TaskModule[RelationExample, ClassificationBatch]):
    """Prepares pairs of arguments for the classification model.

    In training and evaluation a document gives an example for each ordered pair of arguments of its gold relations. In
    prediction it gives one for each pair of its predicted entities; where no entities were predicted, for the arguments
    of its gold relations, and where these are not annotated, for each pair of its gold entities.

    A pair has one label, or with ``metric=multi_label`` any number of them, of which no_relation is none.

    Args:
        tokenizers: fast Hugging Face tokenizers by key; the markers are added to them.
        marker_strategy: ``argument_starts``, ``first_token`` or ``appended``;
            see :func:`~transferlab.taskmodules.relation_markers.relation_line`.
        typed_markers: name the entity types of the arguments in the markers. Types that were not seen in training get
            plain markers.
        max_window: the most subtokens of a row, special tokens included. Of a longer text the words nearest to the
            arguments are read.
        labels: no_relation and reversed ones included; None learns them from the training documents.
        entity_types: that have markers of their own, if any have; None learns them from the training documents.
        no_relation: the label of pairs without a relation. It is never decoded. None: there is no such label.
        add_candidate_relations: gold annotation is complete: in training and evaluation, the other ordered pairs of the
            gold entities of a document are examples of no_relation.
        add_reversed_relations: train on every relation the other way round too, as the label with ``reversed_suffix``;
            prediction turns it back, but where the pair (tail, head) is asked itself.
        symmetric_relations: labels that hold in both directions alike, and so need no suffix.
        reversed_suffix: of the labels of relations read from tail to head.
        max_argument_distance: entities with more words between them make no pair; None: any distance.
        max_distance_across_sentences: the same of entities without a sentence in common, so that pairs do not grow with
            the square of a document; entities of one sentence then have at most ``max_window`` words between them.
            None: any distance. Arguments that the corpus gives are asked about at any distance; but with
            ``add_candidate_relations``, where they are to be found among all pairs, gold relations beyond the bound
            count as missed.
        metric: the score of the baselines, that of the model (``model.metric``); it decides whether a pair has one
            label or several.

    Raises:
        UserError: options that do not fit each other; see the messages.
    """

    reads = "texts with entities to relate"
    needs = ("entities", "relations")
    gives = ("relations",)

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        marker_strategy: Annotated[str, OneOf(UNITS)] = "argument_starts",
        typed_markers: bool = True,
        max_window: Count = 256,
        labels: list[str] | None = None,
        entity_types: list[str] | None = None,
        no_relation: str | None = "no_relation",
        add_candidate_relations: bool = False,
        add_reversed_relations: bool = False,
        symmetric_relations: Sequence[str] = (),
        reversed_suffix: str = "_reversed",
        max_argument_distance: Natural | None = None,
        max_distance_across_sentences: Natural | None = 100,
        metric: Annotated[str, OneOf(SCORES)] = "tacred",
    ) -> None:
        super().__init__(tokenizers)
        if add_candidate_relations and no_relation is None:
            raise UserError(
                "taskmodule.add_candidate_relations=true needs a label for them: set taskmodule.no_relation"
            )
        if add_reversed_relations and not reversed_suffix:
            raise UserError("taskmodule.reversed_suffix is empty: give one that tells a label from its reverse")
        if add_reversed_relations and metric == "semeval":
            raise UserError(
                "taskmodule.add_reversed_relations=true does not go with model.metric=semeval, whose labels hold their "
                "directions already; set it to false, or choose model.metric=tacred"
            )
        special = max(tokenizer.num_special_pair for tokenizer in self.tokenizers.values())
        if max_window < special + 16:
            raise UserError(
                f"taskmodule.max_window={max_window} leaves no room for two arguments and their markers; choose at "
                f"least {special + 16} subtokens"
            )
        self.problem = "multi_label" if problem_of(metric) == "multi_label" else "multi_class"
        check_score(metric, self.problem)
        self.marker_strategy = marker_strategy
        self.typed_markers = typed_markers
        self.max_window = max_window
        self.labels = labels
        self.entity_types = entity_types if typed_markers else []
        self.no_relation = no_relation
        self.add_candidate_relations = add_candidate_relations
        self.add_reversed_relations = add_reversed_relations
        self.symmetric_relations = list(symmetric_relations)
        self.reversed_suffix = reversed_suffix
        self.directions = Directions(
            no_relation, frozenset(symmetric_relations), reversed_suffix if add_reversed_relations else None
        )
        self.max_argument_distance = max_argument_distance
        self.max_distance_across_sentences = max_distance_across_sentences
        self.bound = PairBound(max_argument_distance, max_distance_across_sentences, max_window)
        self.metric = metric
        self._unknown_types: set[str] = set()
        self._add_markers()

    def _add_markers(self) -> None:
        self._markers = markers(self.entity_types or [])
        for tokenizer in self.tokenizers.values():
            tokenizer.add_tokens(list(self._markers))

    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Learn the labels and the entity types that the options leave open.

        Raises:
            UserError: no document has a relation, the labels do not fit the options, or a pair has several labels
                where one is asked.
        """
        if self.problem == "multi_class":
            require_one_label(documents)
        if self.labels is None:
            gold = {relation.label for document in documents for relation in document.gold.relations or []}
            if not gold:
                raise UserError(
                    "none of the training documents has a relation to learn from; choose data with gold.relations"
                )
            known = self.directions.all_labels(gold)
            self.labels = [label for label in known if self.problem == "multi_class" or label != self.no_relation]
        if self.entity_types is None:
            entities = [entity for document in documents for entity in document.gold.entities or []]
            self.entity_types = sorted({entity.label for entity in entities if entity.label})
            self._add_markers()
        self._warn_of_far_relations(documents, "training")
        return self.model_arguments()

    def model_arguments(self) -> dict[str, Any]:
        """What the model must know of the relations, once :meth:`prepare` has seen them."""
        arguments = {
            "problem": self.problem,
            "labels": self.labels or [],
            "num_units": UNITS[self.marker_strategy],
            "added_tokens": dict(self._markers),
        }
        return arguments | ({"metric_options": self._metric_options} if self._metric_options else {})

    @property
    def _metric_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.metric == "tacred" and self.no_relation is not None:
            options["no_relation"] = self.no_relation
        if originals := self.directions.originals(self.labels or []):
            options["charged_to"] = originals
        return options

    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "tokenizers"]
        return {name: getattr(self, name) for name in names}

    def row_remedy(self) -> str | None:
        """What to change where the first token, of ``marker_strategy: first_token``, tells nothing of its row."""
        return "set taskmodule.marker_strategy=appended" if self.marker_strategy == "first_token" else None

    def encode(self, document: Document, annotated: bool = False) -> list[RelationExample]:
        """The pairs of arguments to ask about; see the class for which these are.

        Args:
            document: of any length.
            annotated: ask for the gold relations; refuse a document without that layer, one with several labels for a
                pair where one is asked, and one with relations of a pair in both directions where it may have any
                number of labels and reversed ones.
        """
        return list(self.iter_encode(document, annotated))

    def iter_encode(self, document: Document, annotated: bool = False) -> Iterator[RelationExample]:
        """The same, made one by one."""
        if annotated and document.gold.relations is None:
            raise self.not_annotated(document, "annotation of relations")
        if annotated and self.problem == "multi_class":
            require_one_label([document])
        if annotated and self.problem == "multi_label" and self.add_reversed_relations:
            require_one_direction(document)
        texts: dict[str, Subtokens] | None = None
        for candidate in self._candidates(document, annotated_candidates if annotated else asked_candidates):
            texts = texts or self._texts(document)
            example = self._example(document, texts, candidate)
            if candidate.reverse:
                turned = Candidate(candidate.tail, candidate.head, candidate.reverse)
                example.reverse = self._example(document, texts, turned)
            yield example

    def for_decoding(self, example: RelationExample) -> RelationExample:
        """Without the rows: a long text has many pairs."""
        return RelationExample(example.document, example.candidate, {})

    def gold_labels(self, example: RelationExample) -> list[str]:
        """The relations of the two arguments, without no_relation."""
        return [label for label in example.candidate.labels or () if label != self.no_relation]

    def _gold(self, candidate: Candidate) -> Any:
        """The gold label of a pair, or the list of its labels without no_relation; None where it is unknown."""
        if self.problem == "multi_class" or candidate.labels is None:
            return candidate.label
        return [label for label in candidate.labels if label != self.no_relation]

    @property
    def _none(self) -> Any:
        """The answer that finds no relation."""
        return self.no_relation if self.problem == "multi_class" else []

    def _candidates(self, document: Document, pairs_of: Callable[..., Iterator[Candidate]]) -> Iterator[Candidate]:
        return pairs_of(document, self.directions, self.add_candidate_relations, self.bound)

    def _texts(self, document: Document) -> dict[str, Subtokens]:
        """The subtokens of a document, by tokenizer."""
        words = [self._without_markers(word) for word in document.words]
        return {
            key: Subtokens(tokenizer.subtokens(words, self.max_window)) for key, tokenizer in self.tokenizers.items()
        }

    def _without_markers(self, word: str) -> str:
        """A word of the text that happens to contain a marker ("[T]he") is no marker."""
        return word.replace("[", "[ ") if "[" in word and any(token in word for token in self._markers) else word

    def _example(self, document: Document, texts: dict[str, Subtokens], candidate: Candidate) -> RelationExample:
        arguments = (self._known(candidate.head), self._known(candidate.tail))
        lines = {
            key: relation_line(self.tokenizers[key], text, arguments, self.marker_strategy, self.max_window)
            for key, text in texts.items()
        }
        return RelationExample(document, candidate, lines)

    def _known(self, argument: Argument) -> Argument:
        """An argument with its type if there are markers for it, else without."""
        if not argument.type or argument.type in (self.entity_types or []):
            return argument
        if self.typed_markers and argument.type not in self._unknown_types:
            self._unknown_types.add(argument.type)
            log.warning(
                "entity type %s was not seen in training: its arguments get the markers without a type", argument.type
            )
        return replace(argument, type="")

    def collate(self, examples: list[RelationExample], training: bool) -> ClassificationBatch:
        """A batch of pairs of arguments; in training, of those that are read the other way round too."""
        read = list(examples)
        if training:
            read += [example.reverse for example in examples if example.reverse is not None]
        units = UNITS[self.marker_strategy]
        inputs = {
            key: tokenizer.inputs([replace(example.lines[key], sequence=i) for i, example in enumerate(read)], units)
            for key, tokenizer in self.tokenizers.items()
        }
        gold = [self._gold(example.candidate) for example in read]
        return ClassificationBatch(
            inputs=inputs,
            units=units,
            names=[example.document.name for example in read],
            labels=LABEL_KINDS[self.problem].tensor(gold, self.labels or [], training),
            gold=gold,
            answers=[self._none if example.candidate.missed else None for example in read],
        )

    def decode(self, document: Document, examples: list[RelationExample], predictions: list[Any]) -> Document:
        """Put the predicted relations beside whatever a document holds; pairs without a relation are left out."""
        found = []
        for example, prediction in zip(examples, predictions, strict=True):
            labels, scores = prediction.label, prediction.score
            if self.problem == "multi_class":
                labels, scores = [labels], [scores]
            pairs = zip(labels, scores, strict=True)
            found += [Relation(*example.candidate.spans, *pair) for pair in pairs if pair[0] != self.no_relation]
        if asks_annotated(document):  # one answer for each pair that is scored
            asked = {example.candidate.spans for example in examples}
            relations = [self.directions.restored(relation, asked) for relation in found]
        else:
            relations = self.directions.merged(found, document.gold.relations or ())
        predicted(document).relations = relations
        return document

    def document(self, name: str, given: Any) -> Document:
        """The document of a text and the entities to relate: ``(text, [(start, end, type), ...])``."""
        return document_with_entities(name, given)

    def answer(self, document: Document) -> list[RelationMention]:
        """The predicted relations."""
        return [
            RelationMention(document.span_text(r.head), document.span_text(r.tail), r.label, r.score)
            for r in predicted(document).relations or []
        ]

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Scores that a model should beat: the most frequent label, and relation, of these documents for all pairs."""
        self._warn_of_far_relations(documents, "evaluated")
        candidates = [
            candidate for document in documents for candidate in self._candidates(document, annotated_candidates)
        ]
        gold = [self._gold(candidate) for candidate in candidates]
        several = self.problem == "multi_label"
        counts = Counter(chain.from_iterable(map(LABEL_KINDS[self.problem].classes, gold)))
        relations = Counter({label: count for label, count in counts.items() if label != self.no_relation})
        systems = {"most frequent label": counts} if not several else {}
        scores = {}
        for name, of_system in (systems | {"most frequent relation": relations}).items():
            for label, _ in of_system.most_common(1):
                score = make_score(
                    self.metric, self.problem, sorted({*(self.labels or []), *counts}), self._metric_options
                )
                constant = [label] if several else label
                score.update(gold, [self._none if candidate.missed else constant for candidate in candidates])
                scores[name] = compute_alone(score)
        return scores

    def _warn_of_far_relations(self, documents: list[Document], what: str) -> None:
        """Say how many gold relations of documents, called ``what``, lie beyond the bound, and what becomes of them."""
        far, total = self.bound.far_relations(documents, self.no_relation)
        if far:
            log.warning(
                "%d of %d gold relations of the %s documents lie beyond taskmodule.max_argument_distance=%s and "
                "max_distance_across_sentences=%s (words; null: any distance): %s",
                far, total, what, self.max_argument_distance, self.max_distance_across_sentences,
                "scores count them as missed" if self.add_candidate_relations
                else "they are scored, but such pairs are not asked about among entities that a model has found",
            )  # fmt: skip
