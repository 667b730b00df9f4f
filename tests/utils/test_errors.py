"""What people see of an error."""

import os

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException

from transferlab.utils.errors import UserError, message_for, run_entrypoint, user_error_of


def raising(error: BaseException, cause: BaseException | None = None):
    def main() -> None:
        raise error from cause

    return main


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "x")  # so that it is restored afterwards
    del os.environ["HYDRA_FULL_ERROR"]


def test_a_user_error_is_shown_as_a_message(capsys):
    with pytest.raises(SystemExit) as stopped:
        run_entrypoint(raising(UserError("line 3 of x.txt: mend it")))
    shown = capsys.readouterr().err
    assert stopped.value.code == 1 and "error: line 3 of x.txt: mend it" in shown and "Traceback" not in shown


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("model.keep_singleton=true", "did you mean model.keep_singletons?"),
        ("sede=3", "did you mean seed?"),
        ("modle.size=3", "did you mean model?"),
        ("model.zzz=3", None),
    ],
)
def test_a_misspelt_key_is_shown_with_those_that_exist(capsys, tmp_path, override, hint):
    (tmp_path / "root.yaml").write_text("seed: 1\nmodel: {keep_singletons: false, size: 1}\n")

    def main() -> None:
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            compose("root", overrides=[override])

    with pytest.raises(SystemExit):
        run_entrypoint(main)
    shown = capsys.readouterr().err
    assert f"Could not override '{override.partition('=')[0]}'" in shown
    assert hint in shown if hint else "did you mean" not in shown


def test_the_message_inside_a_library_s_wrapper_is_shown(capsys):
    with pytest.raises(SystemExit):
        run_entrypoint(raising(InstantiationException("Error in call to target"), UserError("mend it")))
    shown = capsys.readouterr().err
    assert "error: mend it" in shown and "Error in call" not in shown


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_entrypoint(raising(ZeroDivisionError()))


def test_the_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError):
        run_entrypoint(raising(UserError("mend it")))


def test_user_error_of_follows_causes_and_contexts():
    wrapped = RuntimeError("outer")
    wrapped.__context__ = UserError("inner")
    assert str(user_error_of(wrapped)) == "inner"
    assert user_error_of(RuntimeError("alone")) is None


@pytest.mark.parametrize(("module", "shown"), [("pytorch_lightning.loops.fit_loop", True), ("transferlab.x", False)])
def test_what_lightning_refuses_is_a_message_and_an_error_of_ours_is_not(module, shown):
    """``trainer.val_check_interval`` beyond the epoch, for one, ends so when the number of batches is known."""
    with pytest.raises(ValueError, match="too long") as raised:
        exec("raise ValueError('too long')", {"__name__": module})
    assert message_for(raised.value) == ("too long" if shown else None)
