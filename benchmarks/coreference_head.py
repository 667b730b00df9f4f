"""The coreference head against the plain formulation of published ports: time and peak memory of one step.

Both score the same synthetic document with the same parameters. Every measurement is a process of its own, because peak
memory belongs to a process. The two formulations take turns and medians are compared, because other work on the machine
comes and goes.

``benchmarks/run.py`` runs it; called with a JSON list, this file is one measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this process stays small: torch is for the measured ones
    import torch

    from transferlab.utils.batches import CoreferenceDocument

PLAIN_FORMULATION = Path(__file__).resolve().parent.parent / "tests" / "models"
MODES = ("training", "evaluation")
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Sizes:
    """A document of so many words, and a head of these widths."""

    words: int = 2000
    hidden_size: int = 768
    max_span_width: int = 30
    ffnn_size: int = 3000
    max_num_extracted_spans: int = 800
    max_top_antecedents: int = 50
    dropout: float = 0.3


QUICK = Sizes(words=300, hidden_size=64, max_span_width=12, ffnn_size=150, max_num_extracted_spans=120)
TINY = Sizes(words=40, hidden_size=8, max_span_width=4, ffnn_size=8)


@dataclass(frozen=True)
class Measurement:
    """One step.

    Attributes:
        seconds: on the clock.
        cpu_seconds: of all cores together.
        peak: MiB of the process in memory at most.
        growth: the part of it above the state before the step, when parameters and inputs exist.
        loss: without dropout (evaluation) the same for both formulations.
        candidates: spans that were scored.
    """

    seconds: float
    cpu_seconds: float
    peak: float
    growth: float
    loss: float
    candidates: int


@dataclass(frozen=True)
class Comparison:
    """The medians of both formulations."""

    mode: str
    precision: str
    plain: Measurement
    ours: Measurement

    @property
    def speedup(self) -> float:
        """How many times faster we are, on the clock."""
        return self.plain.seconds / self.ours.seconds

    @property
    def peak_share(self) -> float:
        """Our share of the plain formulation's peak memory."""
        return self.ours.peak / self.plain.peak

    def failures(self) -> list[str]:
        """What the project promises for fp32 and does not hold here."""
        found = []
        if self.precision == "fp32" and self.mode == "training" and self.speedup < 2.5:
            found.append(f"training must be 2.5 times faster, not {self.speedup:.2f}")
        most = 1 / 3 if self.mode == "training" else 1 / 5
        if self.precision == "fp32" and self.peak_share > most:
            found.append(f"{self.mode} may take {most:.0%} of the memory, not {self.peak_share:.0%}")
        if self.mode == "evaluation" and abs(self.ours.loss / self.plain.loss - 1) > 0.01:
            found.append(f"losses differ: {self.plain.loss} and {self.ours.loss}")
        return found


def compare(mode: str, precision: str, sizes: Sizes, runs: int) -> Comparison:
    """Measure both formulations ``runs`` times in turn."""
    measured: dict[str, list[Measurement]] = {"plain": [], "ours": []}
    for run in range(runs):
        for formulation, measurements in measured.items():
            m = in_new_process(formulation, mode, precision, sizes)
            measurements.append(m)
            print(
                f"{mode} {precision} {formulation:5} {run + 1}/{runs}: {m.seconds:6.2f} s "
                f"({m.cpu_seconds:6.2f} of CPU), peak {m.peak:5.0f} MiB, growth {m.growth:5.0f} MiB, loss {m.loss:.4f}",
                flush=True,
            )
    return Comparison(mode, precision, middle(measured["plain"]), middle(measured["ours"]))


def middle(measurements: list[Measurement]) -> Measurement:
    """The median of every field."""
    rows = [asdict(measurement) for measurement in measurements]
    return Measurement(**{field: median(row[field] for row in rows) for field in rows[0]})


def in_new_process(formulation: str, mode: str, precision: str, sizes: Sizes) -> Measurement:
    """Measure one step in an interpreter of its own."""
    job = json.dumps([formulation, mode, precision, asdict(sizes)])
    command = [sys.executable, str(Path(__file__).resolve()), job]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return Measurement(**json.loads(answer))


def measure(formulation: str, mode: str, precision: str, sizes: Sizes) -> Measurement:
    """Measure one step in this process."""
    import torch

    from transferlab.models.coreference.mentions import span_widths

    # What happens once in a process, such as imports on first use, happens before the clock starts.
    run_step(*make_head(formulation, mode, TINY), *make_document(TINY), precision)
    torch.manual_seed(0)
    words, document = make_document(sizes)
    head, optimizer = make_head(formulation, mode, sizes)
    candidates = int(span_widths(document.sentence_ids, sizes.max_span_width).sum())

    before, cpu_started, started = resident(), time.process_time(), time.perf_counter()
    loss = run_step(head, optimizer, words, document, precision)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    peak = peak_resident()
    return Measurement(seconds, cpu_seconds, peak, peak - before, loss, candidates)


def run_step(
    head: torch.nn.Module,
    optimizer: torch.optim.Optimizer | None,
    words: torch.Tensor,
    document: CoreferenceDocument,
    precision: str,
) -> float:
    """Forward, loss and, with an optimizer, backward and update; gives the loss."""
    import torch

    words.requires_grad_(optimizer is not None)  # as below an aggregation that is trained
    with (
        torch.set_grad_enabled(optimizer is not None),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
    ):
        output = head(words, document)
        loss: torch.Tensor = head.loss(output, document) if hasattr(head, "loss") else output.loss
    if optimizer is not None:
        loss.backward()
        optimizer.step()
    return loss.item()


def make_head(formulation: str, mode: str, sizes: Sizes) -> tuple[torch.nn.Module, torch.optim.Optimizer | None]:
    """The head in one of its formulations, and in training its optimizer."""
    import torch

    from transferlab.models.coreference.head import CoreferenceHead

    head: torch.nn.Module = CoreferenceHead(
        sizes.hidden_size,
        max_span_width=sizes.max_span_width,
        max_num_extracted_spans=sizes.max_num_extracted_spans,
        max_top_antecedents=sizes.max_top_antecedents,
        ffnn_size=sizes.ffnn_size,
        num_genres=7,
        dropout=sizes.dropout,
    )
    if formulation == "plain":
        sys.path.insert(0, str(PLAIN_FORMULATION))
        from coreference.reference import PlainHead

        head = PlainHead(head, dropout=sizes.dropout)
        head.counterparts.clear()  # of the head, whose parameters are not needed here
    if mode == "evaluation":
        return head.eval(), None
    return head.train(), torch.optim.AdamW(head.parameters(), lr=1e-4, fused=True)


def make_document(sizes: Sizes) -> tuple[torch.Tensor, CoreferenceDocument]:
    """Random words and a document of sentences of 20 words on average, as in literary prose, with a mention every 7."""
    import torch

    from transferlab.utils.batches import CoreferenceDocument

    n = sizes.words
    lengths = torch.distributions.LogNormal(2.8, 0.65).sample((n,)).round().long().clamp(2, 100)
    sentence_ids = torch.repeat_interleave(torch.arange(n), lengths)[:n]
    starts = torch.randperm(n)[: n // 7].sort().values
    ends = starts + torch.randint(0, 4, starts.shape)
    inside = (ends < n) & (sentence_ids[starts] == sentence_ids[ends.clamp(max=n - 1)])
    mentions = torch.stack([starts, ends], dim=1)[inside]
    return torch.randn(n, sizes.hidden_size), CoreferenceDocument(
        sentence_ids=sentence_ids,
        segment_ids=torch.arange(n) // 384,
        speaker_ids=torch.zeros(n, dtype=torch.long),
        genre_id=torch.tensor(1),
        gold_mentions=mentions,
        gold_cluster_ids=torch.randint(1, 2 + n // 25, (len(mentions),)),
    )


def resident() -> float:
    """MiB of this process in memory now; where the system tells the peak only, the peak so far."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak_resident()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_resident() -> float:
    """MiB of this process in memory at most, so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def parse_arguments() -> argparse.Namespace:
    """What to compare, and how often."""
    parser = argparse.ArgumentParser(description="Time and peak memory of the coreference head.")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that the benchmark runs")
    parser.add_argument("--runs", type=int, default=3, help="measurements of each formulation")
    parser.add_argument("--mode", choices=MODES, nargs="+", default=MODES)
    parser.add_argument("--precision", choices=PRECISIONS, nargs="+", default=PRECISIONS)
    return parser.parse_args()


if __name__ == "__main__":  # one measurement, for the process that compares
    formulation, mode, precision, sizes = json.loads(sys.argv[1])
    print(json.dumps(asdict(measure(formulation, mode, precision, Sizes(**sizes)))))
