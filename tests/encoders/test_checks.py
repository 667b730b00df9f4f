"""What is refused before any weights are read: the message names the key, the value and the choices."""

import pytest
import transformers

from transferlab.encoders.checks import check_encoders
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.utils.errors import UserError


@pytest.fixture
def mpnet(make_model) -> str:
    return make_model("mpnet")


@pytest.fixture
def models(make_model) -> dict[str, str]:
    return {"bert": make_model("bert"), "mrpc": make_model("bert", seed=1), "wide": make_model("bert", hidden_size=24)}


@pytest.fixture(autouse=True)
def no_weights(models, mpnet, monkeypatch):
    """Reading or making weights fails the test."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("weights were touched")

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", refuse)
    monkeypatch.setattr(transformers.AutoModel, "from_config", refuse)


LAST_N = {"type": "attention", "use_outputs_from_last_n_layers": 3}
REFUSALS = [
    ({"freeze_models": ["brt"]}, r"model\.freeze_models .*no encoder 'brt' .*choices: bert, mrpc, wide"),
    ({"freeze_models": "some"}, r"model\.freeze_models \(ids, or all\): there is no encoder 'some'"),
    ({"truncate_models": {"brt": 2}}, r"model\.truncate_models: there is no encoder 'brt' .*bert, mrpc, wide"),
    ({"truncate_models": {"mrpc": 99}}, r"model\.truncate_models\.mrpc=99: .*4 layers.* from 1 to 4"),
    ({"truncate_models": {"mrpc": 0}}, r"model\.truncate_models\.mrpc=0: .*from 1"),
    ({"pretrained_configs": {"brt": {}}}, r"model\.pretrained_configs: there is no encoder 'brt'"),
    ({"pretrained_configs": {"bert": {"dropot": 1}}}, r"'bert'.*no option 'dropot'"),
    ({"pretrained_default_config": {"dropot": 1}}, r"no option 'dropot'.*model\.pretrained_default_config"),
    ({"cossim_target_embed_key": "brt"}, r"model\.cossim_target_embed_key: there is no encoder 'brt'"),
    ({"cossim_target_embed_key": "bert", "aggregate": "concat"}, r"equal widths, but 'bert' has 16 and 'wide' has 24"),
    ({"alignment": "cls"}, r"model\.alignment='?cls'?: choose one of first, last, mean, max"),
    ({"aggregate": "avg"}, r"model\.aggregate\.type='avg': choose one of mean"),
    ({}, r"model\.aggregate=mean: the encoders differ in width \(bert 16, mrpc 16, wide 24\)"),
    ({"aggregate": "sum"}, r"model\.aggregate=sum: the encoders differ in width"),
    ({"aggregate": {"type": "attention", "query_idx": "brt"}}, r"query_idx='brt': .*by id \(bert, mrpc, wide\)"),
    (
        {"aggregate": {"type": "attention", "project_target_value": False, "output_size": 24}},
        r"model\.aggregate\.output_size=24: .*'bert'.*width 16",
    ),
    (
        {"aggregate": LAST_N, "truncate_models": {"mrpc": 2}},
        r"use_outputs_from_last_n_layers=3: encoder 'mrpc' uses 2 layers \(model\.truncate_models\.mrpc\)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSALS, ids=range(len(REFUSALS)))
@pytest.mark.parametrize("refuser", [check_encoders, MultiEncoder])
def test_refused_before_weights_are_read(refuser, options, message, models):
    with pytest.raises(EncoderError, match=message):
        refuser(models, **options)


def test_refusals_are_meant_for_users():
    assert issubclass(EncoderError, UserError)


@pytest.mark.parametrize("ids", [[], ["a.b"], [""], [1], ["training"]])
def test_ids_that_cannot_be_keys_are_refused(ids, models):
    with pytest.raises(EncoderError, match=r"model\.pretrained_models: "):
        check_encoders(dict.fromkeys(ids, models["bert"]))


def test_unsupported_types_are_refused_where_layers_matter(tmp_path, models):
    config = transformers.AutoConfig.for_model("rembert", num_hidden_layers=2, hidden_size=16)
    config.save_pretrained(tmp_path)
    check_encoders({"a": str(tmp_path)})
    with pytest.raises(EncoderError, match=r"model\.truncate_models\.a: .*'rembert'.*supported types: albert"):
        check_encoders({"a": str(tmp_path)}, truncate_models={"a": 1})
    with pytest.raises(EncoderError, match=r"use_outputs_from_last_n_layers: .*'rembert'"):
        check_encoders({"a": str(tmp_path)}, aggregate={**LAST_N, "use_outputs_from_last_n_layers": 2})


@pytest.mark.parametrize("options", [{"max_rows_per_pass": 0}, {"gradient_checkpointing": True}])
def test_options_of_building_are_checked_early_too(options, models, mpnet):
    with pytest.raises(EncoderError, match=next(iter(options))):
        MultiEncoder({"bert": models["bert"], "mpnet": mpnet}, freeze_models=["bert"], **options)


def test_a_plan_says_what_will_be_built(models):
    plan = check_encoders(
        models, freeze_models="all", truncate_models={"mrpc": 2}, aggregate={"type": "mean", "output_size": 8}
    )
    assert plan.frozen == ["bert", "mrpc", "wide"]
    assert {name: config.num_hidden_layers for name, config in plan.configs.items()} == {
        "bert": 4,
        "mrpc": 2,
        "wide": 4,
    }
    assert plan.total_layers == {"bert": 4, "mrpc": 4, "wide": 4}
    assert plan.aggregation.hidden_size_out == 8


@pytest.mark.parametrize(("given", "frozen"), [(None, []), ([], []), (["mrpc"], ["mrpc"]), ("mrpc", ["mrpc"])])
def test_frozen_ids(given, frozen, models):
    assert check_encoders(models, freeze_models=given, aggregate="concat").frozen == frozen
