"""TaskEmb: a task as the diagonal of the Fisher information of a model of it (Vu et al., EMNLP 2020).

Two modes. ``parity`` is what the published code (https://github.com/tuvuumass/task-transferability) computes, where
the batch size is a part of the result. With L_b the mean loss of batch b, T_b its tokens, m the mask of tokens and N
the examples of all epochs:

    parameters   F = 1/N sum_b (dL_b/dtheta)^2
    activations  F = 1/N sum_b (sum_it m_it dL_b/da_it)^2 / T_b
    pooled       F = 1/N sum_b (sum_i dL_b/dc_i)^2 / T_b

``exact`` is the empirical Fisher information: the same with every example a batch of its own, for any batch size, from
one backward pass for each batch (see per_example.py).

Either takes another ``power`` than 2, and the values themselves (``feature_type=weights``) in place of their gradients:
theta for dL_b/dtheta, a_it for dL_b/da_it, c_i for dL_b/dc_i.

Letters in shapes: R rows, T subtokens, E examples, H width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from transferlab.encoders.differentiation import differentiated
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.truncation import FAMILIES, Family, block_list
from transferlab.models.base import TransferModel
from transferlab.transferability import components as names_of
from transferlab.transferability.further_training import TRAINED, FurtherTraining
from transferlab.transferability.gradient_hooks import not_by_rows, watched_activations, watched_layers
from transferlab.transferability.objectives import computed_as, gradient_scale, objective_of
from transferlab.transferability.per_example import RowsOfExamples, rule_of
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Filled, Positive, Seed, show
from transferlab.utils.options import checked

COUNT = "examples"


class TaskEmbedding:
    """Adds up powers of gradients over the batches of a task.

    Args:
        model: of the task, over one encoder; it goes to ``eval()``.
        mode: ``parity`` or ``exact``, see above.
        labels: ``gold``, or ``sampled`` from what the model predicts, which needs no gold.
        samples: draws of each batch, whose powers are averaged.
        components: groups (``activations``, ``pooled``, ``parameters``, ``head``) and names, in which ``*`` is any
            part; see components.py. Without parameters no gradient of a weight is computed.
        seed: of the draws, of dropout and of fresh classifiers. Draws depend on it and on the examples before, so that
            a resumed embedding draws the same.
        feature_type: ``gradients``, or ``weights``: the values of parameters and activations themselves.
        power: that gradients or values are raised to.
        pooling: send the first token through the encoder's pooler, where the model was trained with one.
        dropout: leave dropout on, as the published code does for question answering and tagging; else the embedding
            is no random variable.
        fim_scale: standard deviation of the normal distribution around a predicted value, in the unit of the values,
            for labels=sampled of regression. None: the one whose log-likelihood the squared error of training is.
        num_softmax_classifiers: 1 is the trained one; more are fresh classifiers, whose losses are averaged. The head
            is no component then.
        question_loss: ``words``: the model's own; ``parity``: the published one over all positions, see
            answer_windows.py. The batches are then those of
            :class:`~transferlab.transferability.answer_windows.AnswerWindows`.
        finetune_classifier: train the model further on each batch after it was added; ``begin`` says how many come.
        training: options of :class:`~transferlab.transferability.further_training.FurtherTraining`.

    Attributes:
        examples: added so far; those of several epochs count several times.

    Raises:
        UserError: several encoders, an unknown choice, options that do not go together, or parameters that ``exact``
            has no rule for.
    """

    OPTIONS_OF: ClassVar[tuple[type, ...]] = (FurtherTraining,)

    @checked("embedding")
    def __init__(
        self,
        model: TransferModel,
        *,
        mode: Literal["exact", "parity"] = "exact",
        labels: Literal["gold", "sampled"] = "gold",
        samples: Count = 1,
        components: Annotated[Sequence[str], Filled()] = ("activations", "pooled"),
        seed: Seed = 0,
        feature_type: Literal["gradients", "weights"] = "gradients",
        power: Count = 2,
        pooling: bool = True,
        dropout: bool = False,
        fim_scale: Positive | None = None,
        num_softmax_classifiers: Count = 1,
        question_loss: Literal["words", "parity"] = "words",
        finetune_classifier: bool = False,
        **training: Any,
    ) -> None:
        if samples < 1 or (labels == "gold" and samples != 1):
            raise UserError(f"samples={samples}: at least 1, and 1 with labels=gold, which are not drawn")
        encoder_ids = model.multi_encoder.encoder_ids
        if len(encoder_ids) != 1:
            raise UserError(
                f"a task embedding is of one encoder, and this model has {', '.join(encoder_ids)}; train the task "
                "over each of them alone (model.pretrained_models), and embed it once for each"
            )
        if training.get("finetune_feature_extractor") and not finetune_classifier:
            raise UserError(
                "finetune_feature_extractor=true: the classifier learns with it; add finetune_classifier=true"
            )
        if num_softmax_classifiers > 1 and (labels == "sampled" or finetune_classifier):
            raise UserError(
                f"num_softmax_classifiers={num_softmax_classifiers}: fresh classifiers predict nothing to draw labels "
                "from and are not trained; choose labels=gold and finetune_classifier=false"
            )
        encoder = model.multi_encoder.encoders[encoder_ids[0]]
        assert isinstance(encoder, Encoder)
        self.model = model.eval()
        self.encoder = encoder
        self.exact = mode == "exact"
        self.labels = labels
        self.samples = samples
        self.seed = seed
        self.of_weights = feature_type == "weights"
        self.power = power
        self.pooling = pooling
        self.dropout = dropout
        self.question_loss = question_loss
        self.examples = 0
        self._scale = gradient_scale(model, labels, fim_scale)
        self._objective = objective_of(model, question_loss, num_softmax_classifiers, seed)
        # checked also where it is not used
        further = FurtherTraining(model, **training)
        self._training = further if finetune_classifier else None
        given = {
            "feature_type": (feature_type, "gradients"),
            "power": (power, 2),
            "pooling": (pooling or not encoder.pooler, True),
            "dropout": (dropout, False),
            "fim_scale": (fim_scale, None),
            "num_softmax_classifiers": (num_softmax_classifiers, 1),
            "question_loss": (question_loss, "words"),
        }
        finetuned: dict[str, Any] = {"finetune": training} if finetune_classifier else {}
        self._settings = {name: value for name, (value, usual) in given.items() if value != usual} | finetuned
        self._tokenizer_key = model.multi_encoder.tokenizer_keys[encoder_ids[0]]
        config = encoder.backbone.config
        self._family = FAMILIES.get(config.model_type, Family(None))
        groups = names_of.available(model, encoder)
        self.components = names_of.chosen(components, groups, config.model_type)
        if num_softmax_classifiers > 1:
            of_head = [name for name in self.components if name.startswith(names_of.HEAD)]
            if of_head:
                raise UserError(
                    f"components={show(components)}: with num_softmax_classifiers={num_softmax_classifiers} fresh "
                    f"classifiers replace the head, so that there is no {of_head[0]}; choose activations, pooled or "
                    "parameters"
                )
        weights, heads = dict(encoder.stack.named_parameters()), dict(model.named_parameters())
        self._weights = {name: weights[name] for name in groups["parameters"] if name in self.components}
        self._head = {name: heads[name] for name in groups["head"] if name in self.components}
        if self.exact and not self.of_weights:
            self._check_layers(config.model_type)
        self._sums: dict[str, Tensor] = {}  # of powers, by component; none where there was no gradient

    @property
    def shuffled(self) -> bool:
        """Whether it matters which examples share a batch, or come first, so that batches should be random."""
        return not self.exact or self._training is not None

    def settings(self) -> dict[str, Any]:
        """What changes the meaning of the numbers."""
        drawn = {"labels": self.labels} | ({"samples": self.samples} if self.labels == "sampled" else {})
        return {"mode": "exact" if self.exact else "parity", **drawn, **self._settings}

    def begin(self, batches: int) -> None:
        """Say how many batches there will be, those of an earlier process included."""
        if self._training is not None:
            self._training.steps = batches

    def _check_layers(self, model_type: str) -> None:
        shared = block_list(self.encoder.stack, self.encoder.backbone.config) is None
        refused = [
            name
            for name in self._weights
            if rule_of(self._layer_of(name)) is None
            or shared  # a layer that is applied several times
            or any(part in name for part in self._family.not_by_rows)
        ]
        if refused:
            listed = ", ".join(refused[:8]) + (f" and {len(refused) - 8} more" if len(refused) > 8 else "")
            raise UserError(
                f"mode=exact has no rule for these parameters of an {model_type}: {listed}; choose mode=parity, or "
                "components without them, for example components=[activations]"
            )

    def _layer_of(self, name: str) -> nn.Module:
        return self.encoder.stack.get_submodule(name.rpartition(".")[0])

    def update(self, batch: Any) -> None:
        """Add a batch of the task, on the device of the model.

        Raises:
            UserError: a layer computes something that ``exact`` has no rule for; nothing has been added then.
        """
        seeds = np.random.SeedSequence([self.seed, self.examples]).generate_state(self.samples)
        for seed in map(int, seeds):
            drawn = batch
            if self.labels == "sampled":
                with self._as_asked(int(seeds[0])):
                    drawn = self._objective.sampled(batch, torch.Generator().manual_seed(seed))
            with self._as_asked(int(seeds[0])):
                found = self._powers(drawn)
            for name, powers in found.items():
                self._sums[name] = self._sums[name] + powers if name in self._sums else powers
        if self._training is not None:
            with self._as_asked(int(seeds[0])):
                self._training.step(lambda: self._objective.loss(batch))
        self.examples += len(batch.names)

    def state(self) -> dict[str, Tensor]:
        """What a resumed embedding goes on from: sums and what was trained, on the CPU, and the number of examples."""
        sums = {name: total.cpu().clone() for name, total in self._sums.items()}
        trained = {} if self._training is None else self._training.state()
        return sums | {COUNT: torch.tensor(self.examples)} | trained

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a ``state``.

        Raises:
            UserError: it is that of other components.
        """
        sums = {name: total for name, total in state.items() if name != COUNT and not name.startswith(TRAINED)}
        foreign = [name for name in sums if name not in self.components]
        if foreign or COUNT not in state:
            raise UserError(f"the saved task embedding is of other components: {', '.join(foreign) or 'none at all'}")
        device = next(self.model.parameters()).device
        self._sums = {name: total.to(device, torch.float32, copy=True) for name, total in sums.items()}
        self.examples = int(state[COUNT])
        if self._training is not None:
            self._training.load_state(state)

    @property
    def zero(self) -> list[str]:
        """Components whose gradient is identically zero, up to rounding; the result leaves them out."""
        return [] if self.of_weights else names_of.identically_zero(self._sums, self.components, self.power)

    def result(self) -> dict[str, Tensor]:
        """The embedding: fp32 on the CPU, by component, vectors of activations and parameters in their shapes.

        Raises:
            UserError: there was no example.
        """
        if self.examples == 0:
            raise UserError("a task embedding needs examples, and there is none")
        zero, count = set(self.zero), self.examples * self.samples
        return {name: (self._sums[name] / count).cpu() for name in self.components if name not in zero}

    def _powers(self, batch: Any) -> dict[str, Tensor]:
        """The powers of a batch, by component, summed over its examples."""
        inputs = batch.inputs[self._tokenizer_key]
        examples = len(batch.names)
        ids = inputs.sequence_ids if self.exact else inputs.sequence_ids.clamp(max=0)
        rows = RowsOfExamples(ids, inputs.attention_mask, examples if self.exact else 1, self.power)
        found: dict[str, Tensor] = {}

        def add(name: str, powers: Tensor) -> None:
            found[name] = found[name] + powers if name in found else powers

        with ExitStack() as stack:
            stack.enter_context(torch.enable_grad())
            stack.enter_context(self._only_these_learn())
            entries = stack.enter_context(differentiated(self.encoder))
            stack.enter_context(watched_activations(self.encoder, self.components, rows, add, self.of_weights))
            if self.of_weights:
                self.model.encode(batch)
                for name, weight in (self._weights | self._head).items():
                    add(name, weight.detach().float().pow(self.power) * rows.examples)
                return found
            layers = [] if not self.exact else list(dict.fromkeys(name.rpartition(".")[0] for name in self._weights))
            seen = stack.enter_context(watched_layers(self.encoder, layers, rows, add))
            loss = self._objective.losses(batch) if self.exact else self._objective.loss(batch)[None]
            if not loss.requires_grad:  # there was nothing to read
                return {}
            loss = loss * self._scale
            for one in loss if self._head else ():
                gradients = torch.autograd.grad(one, list(self._head.values()), retain_graph=True, allow_unused=True)
                for name, gradient in zip(self._head, gradients, strict=True):
                    if gradient is not None:
                        add(name, gradient.float().pow(self.power))
            asked = {name: weight for name, weight in self._weights.items() if name.rpartition(".")[0] not in seen}
            sources = [*entries, *(output for output in seen.values() if output is not None)]
            if not sources:
                return found
            total = loss.sum()
            gradients = torch.autograd.grad(total, [*sources, *asked.values()], allow_unused=True)[len(sources) :]
        for name, gradient in zip(asked, gradients, strict=True):
            if gradient is None:
                continue
            if self.exact and gradient.any():  # of a layer that was passed by
                raise not_by_rows(name)
            add(name, gradient.float().pow(self.power))
        return found

    def _as_asked(self, seed: int) -> AbstractContextManager[None]:
        return computed_as(self.model, self.encoder, pooling=self.pooling, dropout=self.dropout, seed=seed)

    @contextmanager
    def _only_these_learn(self) -> Iterator[None]:
        """While this lasts, the parameters that are asked for require gradients, and no other ones."""
        parameters = list(self.model.parameters())
        before = [parameter.requires_grad for parameter in parameters]
        try:
            for parameter in parameters:
                parameter.requires_grad_(False)
            for parameter in (*self._weights.values(), *self._head.values()):
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter, learns in zip(parameters, before, strict=True):
                parameter.requires_grad_(learns)
