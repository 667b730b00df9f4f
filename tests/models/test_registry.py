"""Names of classes in saved models: those of ours, those of packages that the caller trusts, and older descriptions."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from transferlab.documents import Annotations, Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.descriptions import read_description
from transferlab.models.registry import MODELS, TASKMODULES, Registry, SavedModelError
from transferlab.models.saving import save_trained
from transferlab.taskmodules.coreference import CoreferenceTaskModule

GOLDEN = Path(__file__).with_name("golden_format_1.json")


@pytest.mark.parametrize(("registry", "group"), [(MODELS, "model"), (TASKMODULES, "taskmodule")])
def test_names_are_those_of_the_configs(registry: Registry, group: str, project_root: Path) -> None:
    for file in (project_root / "configs" / group).glob("*.yaml"):
        targets = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("_target_:")]
        if targets:
            assert registry.name(targets[0]) == file.stem
            assert registry.name_of(registry.find(file.stem, (), "here")) == file.stem


def test_a_description_of_format_1_is_read(tiny_encoder: str, tmp_path: Path) -> None:
    options = json.loads(GOLDEN.read_text())["model"]["options"]
    sources = {"target": tiny_encoder}
    own = {name: value for name, value in options.items() if name not in ("pretrained_models", "remember_gb")}
    model = CoreferenceModel(pretrained_models=sources, **own).eval()
    taskmodule = CoreferenceTaskModule(load_tokenizers(sources)[0], max_segment_len=16)
    place = save_trained(model, tmp_path / "model", taskmodule, facts={})
    expected = load(place, device="cpu").predict("ann met bob . she saw him .")
    shutil.copy(GOLDEN, place / "transferlab.json")
    predictor = load(place, device="cpu")
    assert predictor.predict("ann met bob . she saw him .") == expected
    assert predictor.description["taskmodule"]["name"] == predictor.description["model"]["name"] == "coreference"
    assert predictor.description["data"] == {"name": "litbank", "options": {"data_dir": None, "fold": 3}}


PLUG_IN = '''
from os import system
from subprocess import Popen
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule


class Genre(TextClassificationTaskModule):
    """A family of its own."""

    def answer(self, document):
        return "of the plug-in"


class Other:
    """No family."""
'''


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "hers" / "inner").mkdir(parents=True)
    (tmp_path / "hers" / "__init__.py").write_text("from hers.inner.genre import Genre\n")
    (tmp_path / "hers" / "inner" / "genre.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(tmp_path)
    import hers

    yield hers
    for name in [name for name in sys.modules if name.partition(".")[0] == "hers"]:
        del sys.modules[name]


@pytest.fixture
def saved(plug_in: Any, tiny_encoder: str, tmp_path: Path) -> Path:
    sources = {"target": tiny_encoder}
    taskmodule = plug_in.Genre(load_tokenizers(sources)[0])
    words = ["ann", "saw", "bob"]
    texts = [Document(label, words, [(0, 2)], gold=Annotations(label=label)) for label in ("x", "y")]
    model = ClassificationModel(pretrained_models=sources, **taskmodule.prepare(texts))
    return save_trained(model.eval(), tmp_path / "model", taskmodule, facts={})


def test_a_plug_in_is_loaded_if_its_package_is_trusted(saved: Path) -> None:
    assert read_description(saved)["taskmodule"]["name"] == "hers.inner.genre:Genre"
    with pytest.raises(SavedModelError, match=r"trust=\[hers\]"):
        load(saved, device="cpu")
    for trust in ("hers", ["hers"], ["hers.inner"], ["hers.inner.genre"]):
        assert load(saved, device="cpu", trust=trust).predict("ann saw bob") == ["of the plug-in"]


@pytest.mark.parametrize("trust", [None, ["her"], ["hers.other"], ["inner"], [""], ["*"], "her", ["os"]])
def test_trust_is_of_whole_names(saved: Path, trust: Any) -> None:
    with pytest.raises(SavedModelError, match="hers"):
        load(saved, device="cpu", trust=trust)


def test_a_class_may_be_named_where_its_package_shows_it(plug_in: Any) -> None:
    assert TASKMODULES.find("hers:Genre", ["hers"], "here") is plug_in.Genre


@pytest.mark.parametrize(
    "name",
    [
        "hers.inner.genre:system",
        "hers.inner.genre:Popen",
        "hers.inner.genre:Other",
        "hers.inner.genre:None",
        "hers.inner.genre:Genre.answer",
        "hers.inner:genre.Genre",
        "hers.inner.genre.Genre",
        "hers.nowhere:Genre",
        "os:system",
    ],
)
def test_trust_in_a_package_is_trust_in_its_families_alone(plug_in: Any, name: str) -> None:
    with pytest.raises(SavedModelError, match=name):
        TASKMODULES.find(name, ["hers"], "here")


def test_a_family_that_was_put_into_this_package_is_loaded_like_ours(
    tiny_encoder: str, project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the guide of the README tells to."""
    guide = (project_root / "README.md").read_text(encoding="utf-8")
    code = guide.partition("`src/transferlab/taskmodules/genre.py`")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "genre.py").write_text(code)
    import transferlab.taskmodules

    monkeypatch.setattr(transferlab.taskmodules, "__path__", [*transferlab.taskmodules.__path__, str(tmp_path)])
    from transferlab.taskmodules.genre import GenreTaskModule

    sources = {"target": tiny_encoder}
    taskmodule = GenreTaskModule(load_tokenizers(sources)[0])
    novel, news = (Document(genre, ["ann", "saw", "bob"], [(0, 2)], genre=genre) for genre in ("novel", "news"))
    model = ClassificationModel(pretrained_models=sources, **taskmodule.prepare([novel, news])).eval()
    place = save_trained(model, tmp_path / "model", taskmodule, facts={})
    assert read_description(place)["taskmodule"]["name"] == "transferlab.taskmodules.genre:GenreTaskModule"
    (found,) = load(place, device="cpu").predict_documents([Document("new", ["bob", "saw", "ann"], [(0, 2)])])
    assert found.predicted is not None and found.predicted.label in ("novel", "news")
    monkeypatch.delitem(sys.modules, "transferlab.taskmodules.genre")
