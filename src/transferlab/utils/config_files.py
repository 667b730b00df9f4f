"""Config files as Hydra reads them: what is wrong with one is said with its file and line.

Hydra shows the parser's traceback, names no file where one is not UTF-8, and leaves out a file that holds a list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from omegaconf import OmegaConf

from transferlab.utils.errors import ConfigError


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's source of configs in files; by its name, Hydra takes it for that."""

    def load_config(self, config_path: str) -> Any:
        """The content of a file.

        Raises:
            ConfigError: it is no mapping of keys to values, naming the file and the line.
        """
        file = Path(self.path, self._normalize_file_name(config_path))
        if file.is_file():
            _check(file)
        return super().load_config(config_path)


def name_faulty_files() -> None:
    """Have Hydra read config files by :class:`FileConfigSource` from now on, in this process."""
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def _check(file: Path) -> None:
    remedy = "mend it: a config has keys with values, each key once, for example seed: 1"
    try:
        text = file.read_text(encoding="utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent):
                kind = "a list" if isinstance(event, yaml.SequenceStartEvent) else f"{event.value!r:.40} alone"
                raise ConfigError(f"{file}, line {event.start_mark.line + 1}, holds {kind}; {remedy}")
            if isinstance(event, yaml.MappingStartEvent):
                break
        content: Any = OmegaConf.create(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}, line {mark.line + 1}" if mark is not None else str(file)
        problem = " ".join(str(error.problem or error.context).split())
        raise ConfigError(f"{place}: {problem}; {remedy}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}; {remedy}") from error
    if "defaults" in content and not OmegaConf.is_list(content.defaults):
        raise ConfigError(f"{file}: defaults should be a list, not {str(content.defaults)!r:.60}; write - group: name")
