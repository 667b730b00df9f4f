"""A corpus of five sentences, and settings under which a run takes seconds."""

from __future__ import annotations

from transferlab.documents import Annotations, Document

SENTENCES = [
    ("Ann met Bob .", [(0, "ann"), (2, "bob")]),
    ("She saw him .", [(0, "ann"), (2, "bob")]),
    ("He left .", [(0, "bob")]),
    ("The mayor called her .", [((0, 1), "mayor"), (3, "ann")]),
    ("Bob knew the mayor .", [(0, "bob"), ((2, 3), "mayor")]),
]
TINY = [
    "dataset=jsonl",
    "model.freeze_models=all",
    "model.ffnn_size=8",
    "model.max_span_width=3",
    "model.mention_loss_coef=1.0",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "+trainer.enable_progress_bar=false",
    "callbacks.rich_progress_bar=null",
    "callbacks.model_summary=null",
    "extras.print_config=false",
    "extras.ignore_warnings=true",
]


def make_document(name: str, rotation: int) -> Document:
    words: list[str] = []
    sentences, clusters = [], {}
    for i in range(len(SENTENCES)):
        text, mentions = SENTENCES[(i + rotation) % len(SENTENCES)]
        for place, entity in mentions:
            start, end = place if isinstance(place, tuple) else (place, place)
            clusters.setdefault(entity, []).append((len(words) + start, len(words) + end))
        sentences.append((len(words), len(words) + len(text.split()) - 1))
        words += text.split()
    gold = Annotations(clusters=[cluster for cluster in clusters.values() if len(cluster) > 1])
    return Document(name, words, sentences, gold=gold).validate()
