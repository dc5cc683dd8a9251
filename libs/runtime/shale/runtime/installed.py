"""Which services are installed here: every `shale.<service>` that has a `card` module. Nothing else lists them."""

import importlib
import importlib.util
import pkgutil

import shale  # pyright: ignore[reportMissingTypeStubs]
from shale.runtime.process import Build
from shale.runtime.service import Card


def services() -> dict[str, tuple[Card, ...]]:
    """Return the cards of each installed service, by the name that `shale run` knows it by."""
    found: dict[str, tuple[Card, ...]] = {}
    for module in pkgutil.iter_modules(shale.__path__):
        if importlib.util.find_spec(f"shale.{module.name}.card") is not None:
            found[module.name.replace("_", "-")] = importlib.import_module(f"shale.{module.name}.card").CARDS
    return dict(sorted(found.items()))


def program_of(name: str) -> Build:
    """Return how an installed service builds its program. Raises LookupError with the services that there are."""
    if name not in services():
        raise LookupError(f"no service {name!r} is installed here; there are: {', '.join(services())}")
    return importlib.import_module(f"shale.{name.replace('-', '_')}.program").build
