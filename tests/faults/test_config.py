"""Values of options that cannot be: refused before anything is read, whichever entrypoint is given them."""

from __future__ import annotations

import importlib

import pytest

from .conftest import Composed
from .faults import Fault, Refusal, rows

TRAIN = rows(
    # learning
    ("model.task_learning_rate=nan", "model.task_learning_rate=nan"),
    ("model.task_learning_rate=inf", "model.task_learning_rate=inf"),
    ("model.task_learning_rate=-1e-3", "model.task_learning_rate=-0.001"),
    ("model.task_learning_rate='1e-3'", "model.task_learning_rate='1e-3'"),
    ("model.task_learning_rate=null", "model.task_learning_rate=null"),
    ("model.bert_learning_rate=[1e-5]", "model.bert_learning_rate=[1e-05]"),
    ("model.bert_learning_rate=true", "model.bert_learning_rate=true"),
    ("model.warmup_proportion=2", "model.warmup_proportion=2", "from 0 to 1"),
    ("model.warmup_proportion=-0.1", "model.warmup_proportion=-0.1"),
    ("model.warmup_on=task", "model.warmup_on=task", "encoders"),
    ("model.weight_decay=-1", "model.weight_decay=-1"),
    ("model.bert_weight_decay=nan", "model.bert_weight_decay=nan"),
    ("model.adam_epsilon=0", "model.adam_epsilon=0"),
    ("model.clip_separately=1", "model.clip_separately=1", "true or false"),
    # encoders
    ("model.pretrained_models=bert", "model.pretrained_models=bert"),
    ("model.pretrained_models={target:3}", "model.pretrained_models.target=3"),
    ("model.freeze_models=5", "model.freeze_models=5"),
    ("model.freeze_models=[brt]", "model.freeze_models", "brt", "target"),
    ("model.truncate_models={target:0}", "model.truncate_models.target=0"),
    ("model.truncate_models={target:1.5}", "model.truncate_models.target=1.5"),
    ("model.truncate_models={target:true}", "model.truncate_models.target=true"),
    ("model.alignment=frist", "model.alignment=frist", "did you mean first"),
    ("model.aggregate={type:attention,hidden_size:0}", "model.aggregate.hidden_size=0"),
    ("model.aggregate={type:attention,modes:x}", "modes"),
    ("model.aggregate=''", "model.aggregate=''"),
    ("model.aggregate=atention", "atention", "attention"),
    ("model.max_rows_per_pass=0", "model.max_rows_per_pass=0"),
    ("model.normalize_embeddings='yes'", "model.normalize_embeddings=yes"),
    ("model.compile=indutor", "model.compile=indutor"),
    # heads
    ("model.head=bilnear", "model.head=bilnear", "did you mean bilinear"),
    ("model.dropout=1", "model.dropout=1", "below 1"),
    ("model.dropout=-0.5", "model.dropout=-0.5"),
    ("model.ffnn_size=0", "model.ffnn_size=0"),
    ("model.ffnn_size=1000000000", "model.ffnn_size=1000000000"),
    ("model.ffnn_depth=-1", "model.ffnn_depth=-1"),
    ("model.max_span_width=2.5", "model.max_span_width=2.5"),
    ("model.top_span_ratio=0", "model.top_span_ratio=0"),
    ("model.mention_loss_coef=-1", "model.mention_loss_coef=-1"),
    ("model.initializer_std=0", "model.initializer_std=0"),
    ("model.max_top_antecedents=null", "model.max_top_antecedents=null"),
    ("model.dropuot=0.1", "model.dropuot", "did you mean dropout"),
    ("probes={seed:[1.5]}", "probes.seed=1.5"),
    ("probes={seed:[x]}", "probes.seed=x"),
    ("probes={seed:[1,-1]}", "probes.seed=-1"),
    # callbacks and places
    ("callbacks.last_checkpoint.every_minutes=-5", "every_minutes=-5"),
    ("callbacks.model_checkpoint.dirpath=/proc/x", "callbacks.model_checkpoint.dirpath=/proc/x"),
    ("model_save_dir=/proc/x", "model_save_dir=/proc/x"),
    ("model_save_dir=/dev/null/x", "model_save_dir=/dev/null/x"),
    ("features.directory=/proc/x", "features.directory=/proc/x"),
    ("task_name='../../x'", "task_name", "../../x"),
    ("task_name='a/b'", "task_name=a/b"),
    ("task_name='..'", "task_name"),
    ("callbacks.model_checkpoint.filename='../x'", "callbacks.model_checkpoint.filename=../x"),
    ("callbacks.model_checkpoint.filename='{val/f1}'", "callbacks.model_checkpoint.filename={val/f1}"),
    ("model.pretrained_models={a/b:minilm}", "model.pretrained_models", "a/b"),
    # trainer
    ("trainer.devices=100000", "trainer.devices=100000"),
    ("trainer.max_epochs=-3", "trainer.max_epochs=-3"),
    ("trainer.max_epochs=2.5", "trainer.max_epochs=2.5"),
    ("trainer.max_epochs=ten", "trainer.max_epochs=ten"),
    ("trainer.max_steps=0", "trainer.max_steps=0"),
    ("trainer.min_epochs=-1", "trainer.min_epochs=-1"),
    ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val=-1"),
    ("trainer.gradient_clip_val=nan", "trainer.gradient_clip_val=nan"),
    ("trainer.gradient_clip_algorithm=length", "trainer.gradient_clip_algorithm=length", "norm, value"),
    ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches=0"),
    ("trainer.precision=bf17", "trainer.precision=bf17", "bf16-mixed"),
    ("trainer.accelerator=null", "trainer.accelerator=null"),
    ("trainer.accelerator=gpuu", "trainer.accelerator=gpuu", "did you mean"),
    ("trainer.devices=0", "trainer.devices=0"),
    ("trainer.devices=[]", "trainer.devices=[]"),
    ("trainer.devices=-2", "trainer.devices=-2"),
    ("trainer.limit_train_batches=1.5", "trainer.limit_train_batches=1.5"),
    ("trainer.limit_val_batches=-1", "trainer.limit_val_batches=-1"),
    ("trainer.val_check_interval=0", "trainer.val_check_interval=0"),
    ("trainer.check_val_every_n_epoch=0", "trainer.check_val_every_n_epoch=0"),
    ("trainer.max_epoch=3", "trainer.max_epoch", "did you mean max_epochs"),
    ("trainer.deterministic=maybe", "trainer.deterministic=maybe"),
    ("trainer.max_time=5", "trainer.max_time=5"),
    # data
    ("datamodule.batch_size=0", "datamodule.batch_size=0"),
    ("datamodule.batch_size='4'", "datamodule.batch_size='4'"),
    ("datamodule.batch_size=[1]", "datamodule.batch_size=[1]"),
    ("datamodule.eval_batch_size=0", "datamodule.eval_batch_size=0"),
    ("datamodule.select_n.train=0", "datamodule.select_n.train=0"),
    ("datamodule.select_n.tran=3", "datamodule.select_n.tran", "did you mean train"),
    ("datamodule.select_seed=-1", "datamodule.select_seed=-1"),
    ("datamodule.train_examples=0", "datamodule.train_examples=0"),
    ("datamodule.num_workers=-1", "datamodule.num_workers=-1"),
    ("datamodule.num_workers=1000000", "datamodule.num_workers=1000000"),
    ("dataset.data_dir=[a]", "dataset.data_dir=[a]"),
    ("dataset.data_dri=a", "dataset.data_dri", "did you mean data_dir"),
    ("dataset._target_=transferlab.data.readers.none.Reader", "dataset._target_", "none.Reader"),
    ("~dataset", "dataset=null", "jsonl"),
    ("taskmodule.max_segment_len=0", "taskmodule.max_segment_len=0"),
    ("taskmodule.max_training_sentences=0", "taskmodule.max_training_sentences=0"),
    # callbacks, loggers, feature store
    ("callbacks.early_stopping.patience=-1", "callbacks.early_stopping.patience=-1"),
    ("callbacks.early_stopping.mode=avg", "callbacks.early_stopping.mode=avg", "min, max"),
    ("callbacks.model_checkpoint.save_top_k=-2", "callbacks.model_checkpoint.save_top_k=-2"),
    ("callbacks.epoch_log.metrics=3", "callbacks.epoch_log.metrics=3"),
    ("callbacks.attention_weights.bins=0", "callbacks.attention_weights.bins=0"),
    ("callbacks.mine=3", "callbacks.mine=3"),
    ("logger=csv", "logger=csv"),
    ("logger.csv.save_dir=null", "logger.csv.save_dir=null"),
    ("features.dtype=float8", "features.dtype=float8", "float16"),
    ("features.limit_gb=-1", "features.limit_gb=-1"),
    ("features.gpu_gb='8'", "features.gpu_gb='8'"),
    ("features.limit=3", "features.limit", "did you mean limit_gb"),
    # of the run
    ("seed=1.5", "seed=1.5"),
    ("seed=true", "seed=true"),
    ("seed=-1", "seed=-1"),
    ("seed=null", "seed=null"),
    ("monitor=null", "monitor=null"),
    ("monitor_mode=up", "monitor_mode=up", "max, min"),
    ("train='no'", "train=no", "true or false"),
    ("tags=a", "tags=a"),
    ("sources={a:b}", "sources={a:b}"),
    ("sources=[nre]", "nre", "ner"),
    ("probes=ner", "probes=ner"),
    ("probes={data:[1]}", "probes.data"),
    ("keep_checkpoints=lsat", "keep_checkpoints=lsat", "did you mean last"),
    ("ckpt_path=nowhere.ckpt", "ckpt_path=nowhere.ckpt"),
    ("train=false", "train=false", "ckpt_path"),
    ("extras.print_config=5", "extras.print_config=5"),
    ("extras.print_confg=true", "extras.print_confg", "did you mean print_config"),
    ("sede=3", "sede", "did you mean seed"),
    ("patience=2", "patience"),
    ("paths.data_dir=${nowhere}", "nowhere"),
)  # fmt: skip


@pytest.mark.parametrize("fault", TRAIN)
def test_train(fault: Fault, composed: Composed, refusal: Refusal) -> None:
    from train import train

    cfg = composed("train", fault.change)
    refusal.of(lambda: train(cfg), *fault.named)


OTHERS = rows(
    ("evaluate split=tset", "split=tset", "did you mean test"),
    ("evaluate model_name_or_path=null", "model_name_or_path=null"),
    ("evaluate datamodule.eval_batch_size=0", "datamodule.eval_batch_size=0"),
    ("evaluate datamodule.num_workers=1000000", "datamodule.num_workers=1000000"),
    ("predict serializer.clusters.html.path=/proc/x/y.html", "serializer.clusters.html.path=/proc/x"),
    ("report paths.output_dir=/proc/x", "paths.output_dir=/proc/x"),
    ("report task_name='a/b'", "task_name=a/b"),
    ("embed library=/proc/x", "library=/proc/x"),
    ("embed task='../x'", "task='../x'"),
    ("predict split=dev", "split=dev", "validation"),
    ("predict select_n=0", "select_n=0"),
    ("predict pipeline.batch_size=0", "pipeline.batch_size=0"),
    ("predict pipeline.device=[1]", "pipeline.device=[1]"),
    ("predict model_name_or_path=null", "pipeline.models"),
    ("predict pipeline.modles=[a]", "pipeline.modles", "did you mean models"),
    ("evaluate_documents split=all", "split=all"),
    ("evaluate_documents metric.layer=x", "metric.layer"),
    ("features action=lits", "action=lits", "did you mean list"),
    ("features layers=some", "layers=some"),
    ("features older_than_days=-1", "older_than_days=-1"),
    ("features to_gb=x", "to_gb=x"),
    ("features splits=train", "splits=train"),
    ("embed epochs=0", "epochs=0"),
    ("embed batch_size=-1", "batch_size=-1"),
    ("embed embedding.per=word", "embedding.per=word"),
    ("embed overwrite=1", "overwrite=1"),
    ("rank max_items=0", "max_items=0"),
    ("rank methods=[knnn]", "knnn", "did you mean knn"),
    ("rank layers=first", "layers=first"),
    ("rank estimators.knn.k=0", "estimators.knn.k=0"),
    ("rank estimators.linear_probe.folds=1", "estimators.linear_probe.folds=1"),
    ("rank estimators.nleep.variance=0", "estimators.nleep.variance=0"),
    ("rank target=[]", "target=[]"),
    ("rank target=nre", "target=nre", "ner"),
    ("rank sizes={ner:many}", "sizes.ner=many"),
    ("report sweeps=null", "sweeps=null"),
    ("report sweeps=nowhere", "nowhere", "multirun_result.json"),
    ("runs part=half", "part=half"),
    ("runs action=delete", "older_than_days"),
)  # fmt: skip


@pytest.mark.parametrize("fault", OTHERS)
def test_other_entrypoints(fault: Fault, composed: Composed, refusal: Refusal) -> None:
    root, override = fault.change.split(" ")
    run = getattr(importlib.import_module(root), root)
    cfg = composed(root, override)
    refusal.of(lambda: run(cfg), *fault.named)
