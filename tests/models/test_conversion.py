"""Published checkpoints, written here from random weights, compute after their conversion what they did before."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from tests.taskmodules.published_units import tokens_of
from transformers import AutoModel, AutoTokenizer, BertModel

from transferlab.documents import Document, read_jsonl, write_jsonl
from transferlab.inference import Predictor, load
from transferlab.metrics.coreference import corpus_scores
from transferlab.models.coreference.clusters import best_antecedents
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.saving import find_model

from .conftest import document
from .coreference.published_reference import GENRES, VOCABULARY, PublishedHead, Scores, Settings, bert, checkpoint

Weights = dict[str, torch.Tensor]
BASE = Settings()
KINDS = {
    "all features": BASE,
    "no features": replace(BASE, use_features=False, use_width_prior=False, use_metadata=False, ffnn_depth=2),
    "no distances": replace(BASE, use_segment_distance=False, use_distance_prior=False),
    "no head words": replace(BASE, model_heads=False),
    "attended antecedent": replace(BASE, coref_depth=3),
    "max antecedent": replace(BASE, coref_depth=2, higher_order="max_antecedent"),
    "span clustering": replace(BASE, coref_depth=2, higher_order="span_clustering"),
    "span clustering, once": replace(BASE, higher_order="span_clustering"),
    "cluster merging": replace(BASE, higher_order="cluster_merging", ffnn_depth=2),
    "cluster merging, max": replace(BASE, higher_order="cluster_merging", cluster_reduce="max", coref_depth=2),
}
UNTOLD = {
    "no features": ["+model.max_span_width=5"],
    "attended antecedent": ["model.coref_depth=3"],
    "max antecedent": ["model.higher_order=max_antecedent"],
    "cluster merging, max": ["model.cluster_reduce=max"],
}
ALWAYS = ["taskmodule.max_segment_len=16", "extras.print_config=false", "extras.ignore_warnings=true"]
TEXT = ["Ann met Bob .", "She saw the mayor and him .", "The mayor mets Bob .", "He saw her .", "Bob and Ann met him ."]


def converted(project_root: Path, place: Path, *overrides: str) -> Predictor:
    """The model that the command leaves in a run directory."""
    from convert import convert

    with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
        cfg = compose("convert", overrides=[f"paths.output_dir={place / 'run'}", *ALWAYS, *overrides])
    convert(cfg)
    return load(place / "run", device="cpu")


def text(genre: str | None) -> Document:
    made = document("text", TEXT, [[(0, 0), (4, 4)], [(2, 2), (9, 9)]])
    made.genre, made.speakers = genre, ["a" if place < 9 else "b" for place in range(len(made.words))]
    return made


def plain(encoder: BertModel, weights: Weights, settings: Settings, head: CoreferenceHead, made: Document) -> Scores:
    """What the published code computes, in fp64."""
    doubled = {name: tensor.double() for name, tensor in weights.items() if tensor.is_floating_point()}
    encoder = copy.deepcopy(encoder).double()
    encoder.load_state_dict({name: doubled[f"bert.{name}"] for name in encoder.state_dict()})
    ids = {word: number for number, word in enumerate(VOCABULARY)}
    pieces = [[ids["met"], ids["##s"]] if word == "mets" else [ids[word]] for word in made.words]
    tokens = tokens_of(made, pieces, 16 - 2)
    vectors = []
    for segment in range(tokens[-1].segment + 1):
        text = [token.piece for token in tokens if token.segment == segment]
        row = [ids["[CLS]"], *text[1:-1], ids["[SEP]"]]
        with torch.no_grad():
            vectors.append(encoder(torch.tensor([row])).last_hidden_state[0])
    speakers = sorted({token.speaker for token in tokens})
    numbers = [(token.sentence, speakers.index(token.speaker), token.segment) for token in tokens]
    scorer = PublishedHead(doubled, settings, head.top_span_ratio, head.coarse_scorer.max_top_antecedents)
    return scorer(torch.cat(vectors), *torch.tensor(numbers).T, made.genre)


def compare(predictor: Predictor, encoder: BertModel, weights: Weights, settings: Settings, genre: str | None) -> None:
    taskmodule, model, made = predictor.taskmodule, predictor.model.double(), text(genre)
    theirs = plain(encoder, weights, settings, model.head, made)
    batch = taskmodule.collate(taskmodule.encode(made), training=False)
    with torch.no_grad():
        (ours,) = model(batch)
    found = ours.candidate_scores[ours.candidate_scores.isfinite()]
    torch.testing.assert_close(found, theirs.mention_scores, rtol=1e-9, atol=1e-9)
    assert (ours.starts.tolist(), ours.ends.tolist()) == (theirs.starts.tolist(), theirs.ends.tolist())
    assert len(ours.starts) > 10 and batch.documents[0].segment_ids.max() > 1
    real = theirs.antecedents < torch.arange(len(theirs.starts))[:, None]
    assert torch.equal(ours.antecedents[real], theirs.antecedents[real])
    real = torch.cat([real.new_ones(len(real), 1), real], dim=1)
    torch.testing.assert_close(ours.antecedent_scores[real], theirs.scores[real], rtol=1e-9, atol=1e-9)
    best = [int(theirs.antecedents[i, k - 1]) if k else -1 for i, k in enumerate(theirs.scores.argmax(1).tolist())]
    assert best_antecedents(ours) == best and max(best) > 0
    if settings.use_metadata:  # of words, an unknown genre has an embedding of its own
        unknown, first, *_ = model.head.pair_scorer.embeddings["genre"].weight
        assert torch.equal(unknown, first)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    place = tmp_path_factory.mktemp("bert") / "bert-tiny-cased"
    place.mkdir()
    return place, bert(place)


@pytest.mark.parametrize("kind", KINDS)
def test_a_converted_model_computes_what_the_published_one_does(kind, encoder, project_root, tmp_path):
    folder, model = encoder
    weights = checkpoint(KINDS[kind], model)
    torch.save(weights, tmp_path / "model_May08_12-38-29_58000.bin")
    predictor = converted(project_root, tmp_path, f"checkpoint={tmp_path}", f"encoder={folder}", *UNTOLD.get(kind, []))
    compare(predictor, model, weights, KINDS[kind], "nw")
    compare(predictor, model, weights, KINDS[kind], None)  # an unknown genre counts as the first


def test_the_folder_of_reverse_probing_converts_by_itself(encoder, project_root, tmp_path):
    """One folder holds configuration, vocabulary and, as if they were an encoder's, the weights of the whole model."""
    folder, model = encoder
    place = tmp_path / "bert-tiny-cased-coref-hoi"
    place.mkdir()
    for name in ("config.json", "vocab.txt"):
        (place / name).write_bytes((folder / name).read_bytes())
    weights = checkpoint(BASE, model)
    torch.save(weights, place / "pytorch_model.bin", _use_new_zipfile_serialization=False)  # as older torch did
    genres = ["pt", "bn", "nw", "wb", "tc", "bc", "mz"]  # those of its own code
    own = weights | {"emb_genre.weight": weights["emb_genre.weight"][[GENRES.index(genre) for genre in genres]]}
    predictor = converted(project_root, tmp_path, f"checkpoint={place}")
    compare(predictor, model, weights, BASE, "wb")
    torch.save(own, place / "pytorch_model.bin")
    again = converted(project_root, tmp_path / "2", f"checkpoint={place}", f"taskmodule.genres=[{','.join(genres)}]")
    compare(again, model, weights, BASE, "wb")
    assert (predictor.taskmodule.genres, again.taskmodule.genres) == (GENRES, genres)


def test_the_command_writes_a_whole_encoder_whose_text_is_cased(encoder, commands, tmp_path):
    folder, model = encoder
    weights = checkpoint(BASE, model, prefix="base_models.models.bert-base-cased.")
    torch.save(weights, tmp_path / "pytorch_model.bin")
    arguments = [
        "checkpoint=pytorch_model.bin",
        f"encoder={folder}",
        "model_save_dir=made",
        "taskmodule.max_segment_len=64",
        f"paths.log_dir={tmp_path}",
    ]
    done = commands.run("src/convert.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "convert" / "runs").iterdir()
    assert find_model(run).resolve() == tmp_path / "made", "found from the directory of the run, too"
    directory = tmp_path / "made"
    saved = AutoModel.from_pretrained(directory, use_safetensors=True).state_dict()
    assert {f"base_models.models.bert-base-cased.{name}": tensor.tolist() for name, tensor in saved.items()} == {
        name: weights[name].tolist() for name in weights if name.startswith("base") and "position_ids" not in name
    }
    assert AutoTokenizer.from_pretrained(directory).tokenize("She mets her") == ["She", "met", "##s", "her"]
    files = {file.suffix for file in directory.iterdir()}
    assert files == {".json", ".safetensors", ".md"}


def test_a_converted_model_predicts_is_evaluated_and_is_a_source(encoder, project_root, tmp_path, monkeypatch):
    from evaluate import evaluate
    from predict import predict
    from train import train

    monkeypatch.setattr("transferlab.finishing.plot_curves", lambda *arguments, **options: ("", ""))  # slow
    folder, model = encoder
    torch.save(checkpoint(KINDS["span clustering"], model), tmp_path / "model_1.bin")
    run = converted(project_root, tmp_path, f"checkpoint={tmp_path}", f"encoder={folder}").directory.parent
    data = tmp_path / "data"
    for split in ("train", "validation", "test"):
        write_jsonl([text("nw")], data / f"{split}.jsonl")
    corpus = ["dataset=jsonl", f"dataset.data_dir={data}"]

    def done(root: str, *overrides: str) -> Any:
        with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
            place = f"paths.output_dir={tmp_path / overrides[0]}"
            cfg = compose(root, overrides=[place, *ALWAYS[1:], *overrides[1:]])
        return {"train": train, "evaluate": evaluate, "predict": predict}[root](cfg)

    scores = done("evaluate", "scored", f"model_name_or_path={run}", *corpus, "trainer=cpu")
    written = done("predict", "predicted", f"model_name_or_path={run}", f"input={data / 'test.jsonl'}")
    (predicted,) = read_jsonl(Path(written["jsonl"]))
    assert predicted.predicted is not None and predicted.predicted.clusters
    key, found = predicted.gold.clusters, predicted.predicted.clusters
    assert scores["test/conll_f1"] == pytest.approx(corpus_scores([key], [found])["conll_f1"])

    # its head is kept in a run of the same options; its encoder is one of several in another
    quick = [*corpus, "taskmodule.max_segment_len=16", "trainer=cpu", "+trainer.enable_progress_bar=false"]
    quick += ["callbacks.rich_progress_bar=null", "callbacks.model_summary=null", "trainer.max_epochs=1"]
    small = {"ffnn_size": 9, "max_span_width": 5, "feature_emb_size": 4}
    sizes = [f"model.{name}={value}" for name, value in small.items()]
    kept = [f"encoder={run}", "model_load_mode=all", "model.higher_order=span_clustering", *quick, *sizes]
    kept += [
        f"+taskmodule.genres=[{','.join(GENRES)}]",
        "taskmodule.max_training_sentences=3",
        "taskmodule.unit=subtoken",
    ]
    kept += ["model.task_learning_rate=0", "model.bert_learning_rate=0"]
    assert done("train", "kept", *kept)["test/conll_f1"] == scores["test/conll_f1"]
    several = [f"+model.pretrained_models.published={run / 'model'}", f"encoder={folder}", *quick, *sizes]
    several += ["model.freeze_models=[published]", "+trainer.fast_dev_run=true"]
    assert "val/conll_f1" in done("train", "several", *several)
