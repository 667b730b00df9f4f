"""Training a model further while its task embedding adds up, as the published code can.

After the scores of a batch are taken, the model makes one step on it: the gradients of the mean loss, clipped by their
norm over the whole model, AdamW, and a learning rate that rises over the warm-up and falls to 0 at the last batch. As
in the published code the schedule moves before the optimizer does, so the last step changes nothing, and weights decay
after they are updated (in PyTorch's AdamW before).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from transferlab.encoders.differentiation import differentiated
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.truncation import idle_parameters
from transferlab.models.base import TransferModel
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Natural, NonNegative, Positive
from transferlab.utils.options import checked

TRAINED = "trained."  # begins the names of its state


class FurtherTraining:
    """Steps of an optimizer between the batches of a task embedding.

    Args:
        model: that is trained, and changed.
        finetune_feature_extractor: train the encoder too, not the classifier alone; needs finetune_classifier.
        learning_rate: of everything that is trained further.
        weight_decay: of weights, not of biases and norms.
        adam_epsilon: of AdamW.
        max_grad_norm: that the gradients of the whole model are clipped to.
        warmup_steps: batches over which the learning rate rises before it falls.
    """

    @checked("embedding")
    def __init__(
        self,
        model: TransferModel,
        *,
        finetune_feature_extractor: bool = False,
        learning_rate: NonNegative = 5e-5,
        weight_decay: NonNegative = 0.0,
        adam_epsilon: Positive = 1e-8,
        max_grad_norm: Positive = 1.0,
        warmup_steps: Natural = 0,
    ) -> None:
        encoder = model.multi_encoder.encoders[model.multi_encoder.encoder_ids[0]]
        assert isinstance(encoder, Encoder)
        self._encoder = encoder
        idle = {id(parameter) for parameter in idle_parameters(encoder.stack, encoder.backbone.config)}
        of_encoder = [parameter for parameter in encoder.stack.parameters() if id(parameter) not in idle]
        task = model.task_parameters()
        self._all = [*task, *of_encoder]
        self._trained = self._all if finetune_feature_extractor else task
        self._optimizer = torch.optim.Adam(self._trained, lr=learning_rate, eps=adam_epsilon)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.adam_epsilon = adam_epsilon
        self.max_grad_norm = max_grad_norm
        self.warmup_steps = warmup_steps
        self.steps: int | None = None
        self._done = 0

    def step(self, loss: Callable[[], Tensor]) -> None:
        """Make one step.

        Args:
            loss: computes the mean loss [] of a batch.

        Raises:
            UserError: nobody said how many there will be (``steps``).
        """
        if self.steps is None:
            raise UserError("a model that is trained further must know for how many batches: call begin(batches) first")
        with torch.enable_grad(), self._learning(), differentiated(self._encoder):
            total = loss()
            if not total.requires_grad:  # there was nothing to read
                return
            gradients = torch.autograd.grad(total, self._all, allow_unused=True)
        norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
        share = (self.max_grad_norm / (norm + 1e-6)).clamp(max=1.0)
        learns = {id(parameter) for parameter in self._trained}
        for parameter, gradient in zip(self._all, gradients, strict=True):
            parameter.grad = gradient * share if gradient is not None and id(parameter) in learns else None
        self._done += 1
        (group,) = self._optimizer.param_groups
        group["lr"] = self.learning_rate * self._share_of_rate(self._done)
        # there it is added before the second moment is corrected, here after
        group["eps"] = self.adam_epsilon / (1 - group["betas"][1] ** self._done) ** 0.5
        self._optimizer.step()
        with torch.no_grad():
            for parameter in self._trained:
                if parameter.ndim > 1 and parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * self.weight_decay)
        self._optimizer.zero_grad(set_to_none=True)

    def _share_of_rate(self, step: int) -> float:
        assert self.steps is not None
        if step < self.warmup_steps:
            return step / self.warmup_steps
        return max(0.0, (self.steps - step) / max(1, self.steps - self.warmup_steps))

    def state(self) -> dict[str, Tensor]:
        """The weights that are trained and the optimizer's view of them, on the CPU."""
        state = {f"{TRAINED}done": torch.tensor(self._done)}
        for number, parameter in enumerate(self._trained):
            state[f"{TRAINED}{number}"] = parameter.detach().cpu().clone()
            for name, value in self._optimizer.state.get(parameter, {}).items():
                state[f"{TRAINED}{number}.{name}"] = value.detach().cpu().clone()
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a ``state`` of the same model and options."""
        self._done = int(state[f"{TRAINED}done"])
        for number, parameter in enumerate(self._trained):
            with torch.no_grad():
                parameter.copy_(state[f"{TRAINED}{number}"])
            start = f"{TRAINED}{number}."
            own = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
            if own:
                device = parameter.device
                self._optimizer.state[parameter] = {
                    name: value.clone() if name == "step" else value.to(device, copy=True)
                    for name, value in own.items()
                }

    @contextmanager
    def _learning(self) -> Iterator[None]:
        """While this lasts, all parameters of the model require gradients, those that are frozen too."""
        before = [parameter.requires_grad for parameter in self._all]
        try:
            for parameter in self._all:
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter, learns in zip(self._all, before, strict=True):
                parameter.requires_grad_(learns)
