"""What all models share: the fused optimizer, the clipping of gradients, and losses in fp32 whatever the precision."""

from __future__ import annotations

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.utils.data import DataLoader

from transferlab.models.coreference_model import CoreferenceModel


class Norms(Callback):
    """The norm and the largest entry of the gradients at every step of the optimizer, before and after clipping."""

    def __init__(self) -> None:
        self.before: list[float] = []
        self.after: list[float] = []
        self.largest: list[float] = []
        self.losses: list[float] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        self.before.append(norm(pl_module))

    def on_before_zero_grad(self, trainer, pl_module, optimizer) -> None:
        if any(parameter.grad is not None for parameter in pl_module.parameters()):
            self.after.append(norm(pl_module))
            gradients = (parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None)
            self.largest.append(max(gradient.abs().max().item() for gradient in gradients))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.losses.append(outputs["loss"].item())


def norm(model: torch.nn.Module) -> float:
    gradients = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
    return torch.cat(gradients).norm().item()


class Unfused(CoreferenceModel):
    """As torch and Lightning would train it: one operation after the other, gradients clipped by the trainer."""

    def configure_optimizers(self):
        configured = super().configure_optimizers()
        for group in configured["optimizer"].param_groups:
            group["fused"] = False
        return configured

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)


def train(kind, encoder, taskmodule, documents, **options) -> tuple[CoreferenceModel, Norms]:
    torch.manual_seed(0)
    learned = taskmodule.prepare(documents)
    model = kind(
        pretrained_models={"target": encoder}, **learned, max_span_width=4, ffnn_size=8, task_learning_rate=0.01
    )
    norms = Norms()
    examples = [taskmodule.encode(document, annotated=True)[0] for document in documents]
    loader = DataLoader(examples, batch_size=1, collate_fn=lambda batch: taskmodule.collate(batch, training=True))
    trainer = Trainer(
        accelerator="cpu", max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[norms], **options,
    )  # fmt: skip
    trainer.fit(model, loader)
    return model, norms


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
def test_gradients_are_clipped_for_the_fused_optimizer(encoder, taskmodule, documents, precision) -> None:
    model, norms = train(CoreferenceModel, encoder, taskmodule, documents, precision=precision, gradient_clip_val=0.1)
    assert model.optimizers().param_groups[0]["fused"]
    assert max(norms.before) > 1 and len(norms.after) == 8  # those of the last step stay
    assert max(norms.after) == pytest.approx(0.1, rel=1e-3)
    assert torch.isfinite(torch.tensor(norms.losses)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_clip_val": 0.1},
        {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
        {"gradient_clip_val": None},
        {"gradient_clip_val": 0.1, "accumulate_grad_batches": 3},
    ],
)
def test_fused_training_is_training(encoder, taskmodule, documents, options) -> None:
    model, ours = train(CoreferenceModel, encoder, taskmodule, documents, **options)
    other, theirs = train(Unfused, encoder, taskmodule, documents, **options)
    assert model.optimizers().param_groups[0]["fused"] and not other.optimizers().param_groups[0]["fused"]
    assert ours.losses == pytest.approx(theirs.losses, rel=1e-5, abs=1e-6)
    assert ours.after == pytest.approx(theirs.after, rel=1e-4)
    if options.get("gradient_clip_algorithm") == "value":
        assert max(ours.largest) == pytest.approx(0.01)
    elif options["gradient_clip_val"] is None:
        assert ours.after == ours.before[:-1]
    assert len(ours.after) == 9 // options.get("accumulate_grad_batches", 1) - 1  # those of the last step stay


def test_fp16_scales_its_loss_and_is_not_fused(encoder) -> None:
    from transferlab.models.optimization import adamw

    model = CoreferenceModel(pretrained_models={"target": encoder}, ffnn_size=8)

    class Scaling:
        estimated_stepping_batches = 10
        precision = "16-mixed"
        strategy = Trainer(accelerator="cpu", logger=False).strategy

    assert not adamw([model], Scaling())["optimizer"].param_groups[0].get("fused")
