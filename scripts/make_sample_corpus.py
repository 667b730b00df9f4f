"""Generate the embedded sample corpus: ``python scripts/make_sample_corpus.py [--output data/sample] [--seed 20]``.

Everything but the five folders and README.md of the output directory is left alone. See sample_corpus/ for the parts:
world.py (who exists), stories/ (what happens), discourse.py and referring.py (how it is said), formats.py (how it is
written).
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections import defaultdict
from pathlib import Path

from sample_corpus import formats, statistics
from sample_corpus.coreference import CoreferenceDocument, make_documents, make_newswire
from sample_corpus.language import Sentence
from sample_corpus.paraphrases import make_pairs
from sample_corpus.questions import make_articles
from sample_corpus.readme import readme
from sample_corpus.relations import LABELS, make_records
from sample_corpus.world import make_circles, split_names

SEED = 20
FOLDERS = ("conll2012", "conll2003", "tacred", "squad", "mrpc")
SPLITS = ("train", "development", "test")
#                    train, development, test
CIRCLES = dict(zip(SPLITS, (40, 10, 10), strict=True))
COREFERENCE = dict(zip(SPLITS, (80, 20, 20), strict=True))
NEWSWIRE = dict(zip(SPLITS, (40, 10, 10), strict=True))
RELATIONS = dict(zip(SPLITS, (360, 80, 80), strict=True))
ARTICLES = dict(zip(SPLITS, (48, 10, 10), strict=True))
PAIRS = dict(zip(SPLITS, (600, 120, 120), strict=True))
SHORT = {"train": "train", "development": "dev", "test": "test"}
# genres whose files hold several parts, and the numbers of these parts
PARTS = {"bc": (0, 1, 3), "tc": (0, 2), "mz": (0, 1), "wb": (1, 2)}


def make_corpus(seed: int) -> dict[str, str]:
    """All files of the corpus by their relative paths."""
    names = split_names(random.Random(f"{seed} names"))
    files: dict[str, str] = {}
    tables: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    numbers: dict[str, int] = defaultdict(int)
    for split in SPLITS:
        short, unseen = SHORT[split], split != "train"

        def stream(task: str, split: str = split) -> random.Random:
            return random.Random(f"{seed} {split} {task}")

        circles = make_circles(stream("circles"), names[split], CIRCLES[split])
        documents = make_documents(stream("coreference"), circles, names[split], COREFERENCE[split], unseen)
        for document_id, parts in _files(documents, numbers):
            path = f"conll2012/{split}/data/english/annotations/{document_id}.v4_gold_conll"
            files[path] = formats.conll2012(document_id, parts)
        tables["coreference"][split] = statistics.coreference_counts(documents)

        news = make_newswire(stream("newswire"), circles, NEWSWIRE[split], unseen)
        files[f"conll2003/{'valid' if short == 'dev' else short}.txt"] = formats.conll2003(news)
        tables["named entities"][split] = _entity_counts(news)

        records = make_records(stream("relations"), circles, RELATIONS[split])
        files[f"tacred/{short}.json"] = formats.json_list(records)
        tables["relations"][split] = {"sentences": str(len(records)), **_filled([r["relation"] for r in records])}

        articles = make_articles(stream("questions"), circles, ARTICLES[split], 1 if split == "train" else 3)
        files[f"squad/{short}-v2.0.json"] = formats.squad(articles)
        tables["questions"][split] = _question_counts(articles)

        pairs = make_pairs(stream("pairs"), circles, PAIRS[split])
        first_id = 100001 + 10000 * SPLITS.index(split)
        files[f"mrpc/{short}.tsv"] = formats.mrpc(pairs, first_id, mark=split != "test")
        positive = sum(label for label, _, _ in pairs)
        tables["sentence pairs"][split] = {"pairs": str(len(pairs)), "paraphrases": str(positive)}
    files["README.md"] = readme(seed, sum(CIRCLES.values()), tables)
    return files


def _files(
    documents: list[CoreferenceDocument], numbers: dict[str, int]
) -> list[tuple[str, list[tuple[int, CoreferenceDocument]]]]:
    """Documents as parts of files: (document id, [(part number, document)]), numbered through all splits."""
    by_genre: dict[str, list[CoreferenceDocument]] = defaultdict(list)
    for document in documents:
        by_genre[document.genre].append(document)
    files = []
    for genre, waiting in sorted(by_genre.items()):
        while waiting:
            several = PARTS.get(genre, (0,)) if numbers[genre] % 3 == 1 else (0,)
            taken = waiting[: len(several)]
            del waiting[: len(several)]
            numbers[genre] += 1
            document_id = f"{genre}/sample/{numbers[genre] // 100:02d}/sample_{numbers[genre]:04d}"
            files.append((document_id, list(zip(several, taken, strict=False))))
    return files


def _entity_counts(news: list[list[Sentence]]) -> dict[str, str]:
    sentences = [s for article in news for s in article]
    labels = [formats.CONLL2003_LABELS.get(label, "MISC") for s in sentences for _, _, label in s.names]
    words = sum(len(s.words) for s in sentences)
    return {"documents": str(len(news)), "sentences": str(len(sentences)), "words": str(words),
            **statistics.label_counts(labels)}  # fmt: skip


def _filled(labels: list[str]) -> dict[str, str]:
    """Counts of all labels that the corpus has, zeros included, so that the columns of the table agree."""
    return {label: str(labels.count(label)) for label in LABELS}


def _question_counts(articles: list[dict]) -> dict[str, str]:
    paragraphs = [p for a in articles for p in a["paragraphs"]]
    questions = [q for p in paragraphs for q in p["qas"]]
    return {"articles": str(len(articles)), "paragraphs": str(len(paragraphs)), "questions": str(len(questions)),
            "without an answer": str(sum(q["is_impossible"] for q in questions))}  # fmt: skip


def write(files: dict[str, str], output: Path) -> None:
    """Write the corpus; what an earlier run left in its folders is removed."""
    for folder in FOLDERS:
        shutil.rmtree(output / folder, ignore_errors=True)
    for name, text in files.items():
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--output", type=Path, default=root / "data" / "sample", help="directory to write to")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the generator (default {SEED})")
    arguments = parser.parse_args()
    files = make_corpus(arguments.seed)
    write(files, arguments.output)
    _summary(files, arguments.output)


def _summary(files: dict[str, str], output: Path) -> None:
    """What was written, folder by folder; plain text where rich is not installed."""
    rows = []
    for folder in (*FOLDERS, "README.md"):
        texts = [text for name, text in files.items() if name.split("/")[0] == folder]
        rows.append((folder, str(len(texts)), f"{sum(len(t.encode()) for t in texts) / 1e3:.0f} kB"))
    rows.append(("all", str(len(files)), f"{sum(len(t.encode()) for t in files.values()) / 1e6:.2f} MB"))
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(f"Sample corpus in {output}")
        for row in rows:
            print("{:<12}{:>6}{:>10}".format(*row))
        return
    table = Table("folder", "files", "size", title=f"Sample corpus in {output}")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
