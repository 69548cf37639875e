"""docs/agent.md tells of every setting, and its examples are settings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from vrrpwatch.agent.config.agent import AgentSettings, load
from vrrpwatch.agent.config.routers import CarpRouter, VrrpRouter
from vrrpwatch.agent.config.trackers import Tracker

DOCUMENT = (Path(__file__).parents[2] / "docs/agent.md").read_text()
# Those of virtual servers stand in a guide of their own.
ELSEWHERE = {"Ipvs", "IpvsSync", "VirtualServer", "RealServer", "SorryServer", "RealCheck"}


def _models(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in _named(field.annotation):
            yield from _models(inner, seen)


def _named(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _named(argument)


def _settings() -> Iterator[Any]:
    seen: set[type[BaseModel]] = set()
    for start in (AgentSettings, VrrpRouter, CarpRouter, *get_args(Tracker)):
        for model in _models(start, seen):
            for name, field in model.model_fields.items() if model.__name__ not in ELSEWHERE else ():
                yield pytest.param(field.alias or name, id=f"{model.__name__}.{name}")


@pytest.mark.parametrize("setting", list(_settings()))
def test_every_setting_is_told_of(setting: str) -> None:
    assert re.search(rf"\b{setting}\b", DOCUMENT)


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL))
def test_the_examples_are_settings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    if "version = 1" not in text:
        routers = "".join(
            f'[[router]]\nname = "{name}"\ninterface = "eth0"\nid = {id_}\naddresses = ["192.0.2.{id_}/24"]\n'
            for name, id_ in (("inside", 1), ("outside", 2))
        )
        text = f"version = 1\n{routers}{text}"
    path.write_text(text)
    assert load(path).router
