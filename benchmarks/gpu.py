"""Fine-tuning and probing on a GPU: by precision, place of the features and batch, and what keeps it busy."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from measuring import Measuring, Values
from results import Section, table
from texts import litbank_directory

TITLE = "fine-tuning and probing on a GPU"

PRECISIONS = ("32-true", "bf16-mixed")
SIZE = 8192  # of the matrices whose product is the ceiling


def run(measuring: Measuring) -> Section:
    """All settings in turn; without a GPU only a quick run measures anything, on the processor."""
    device = "cuda" if measuring.once("gpu.has_gpu")["found"] else "cpu"
    if device == "cpu" and not measuring.quick:
        return Section("There was no GPU here: nothing was measured.")
    litbank = None if measuring.quick else litbank_directory()
    coref = [
        f"experiment=[{'litbank_coref' if litbank else 'coref'},probing]",
        *([f"dataset.data_dir={litbank}"] if litbank else []),
    ]
    with tempfile.TemporaryDirectory() as folder:
        measuring.once("fitting.make_encoders", folder=folder, count=1, like="tiny" if measuring.quick else "base")
        shared: Values = {
            "encoders": {"target": f"{folder}/0"},
            "accelerator": "gpu" if device == "cuda" else "cpu",
            "epochs": 2 if measuring.quick else 3,
        }
        few = ["datamodule.select_n.train=4"] if measuring.quick else []
        jobs: dict[str, Values] = {}
        for precision in PRECISIONS[:1] if measuring.quick else PRECISIONS:
            overrides = [*few, f"trainer.precision={precision}"]
            jobs[f"fine-tuning, {precision}"] = {
                "overrides": ["experiment=mrpc", "datamodule.batch_size=32", *overrides], "store": None,
            }  # fmt: skip
            for batch_size in (1, 8)[: 1 if measuring.quick else None]:
                for place, room in (("host", 0), ("GPU", 8)):
                    jobs[f"probing, {precision}, batches of {batch_size}, features on the {place}"] = {
                        "overrides": [
                            *coref, *overrides, f"datamodule.batch_size={batch_size}", f"features.gpu_gb={room}",
                        ],
                        "store": f"{folder}/features",
                    }  # fmt: skip
        found = measuring.take_turns("gpu.measure", {name: {**shared, **job} for name, job in jobs.items()})
        ceilings = measuring.once("gpu.ceilings", device=device, size=256 if measuring.quick else SIZE)
    rows = [
        [name, values["epoch"], 1000 * values["epoch"] / values["steps"], f"{values['busy']:.0%}", values["memory"]]
        for name, values in found.items()
    ]
    text = (
        "Encoder of BERT base's size with random weights. Fine-tuning: pairs of the embedded sample; probing: "
        f"coreference on {'LitBank' if litbank else 'the embedded sample'}. Busy is the share of an epoch in which a "
        f"kernel runs. Ceilings here: products of {SIZE} x {SIZE} matrices {ceilings['fp32']:.3g} TFLOPS in fp32 and "
        f"{ceilings['bf16']:.3g} in bf16, copies from pinned host memory {ceilings['copy']:.3g} GB/s.\n\n"
        + table("what | s / epoch | ms / step | busy | GPU GiB", rows)
    )
    return Section(text)


def has_gpu() -> Values:
    """Whether torch sees one."""
    import torch

    return {"found": torch.cuda.is_available()}


def measure(**job: Any) -> Values:
    """Train, and once more under the profiler."""
    import torch

    from fitting import fit

    values = fit(**job)
    if not torch.cuda.is_available():
        return values | {"busy": 0.0, "memory": 0.0}
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        profiled = fit(**job | {"epochs": 1})
    kernels = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    memory = torch.cuda.max_memory_allocated() / 2**30
    return values | {"busy": min(1.0, kernels / (profiled["epoch"] + profiled["fill"])), "memory": memory}


def ceilings(device: str, size: int) -> Values:
    """What matrix products and copies reach at best."""
    import torch

    def best(action: Any) -> float:
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            action()
            if device == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    found: Values = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        matrix = torch.randn(size, size, device=device, dtype=dtype)
        found[name] = 2 * size**3 / best(lambda matrix=matrix: matrix @ matrix) / 1e12
    host = torch.empty(2**28 if device == "cuda" else 2**20, dtype=torch.uint8, pin_memory=device == "cuda")
    found["copy"] = host.nbytes / best(lambda: host.to(device, copy=True)) / 1e9
    return found
