"""The registries of a service, and of a person: the same, but for who is asked for a login."""

from collections.abc import Callable, Mapping
from pathlib import Path

from shale.oci.distribution.options import Options, pause
from shale.oci.distribution.refusals import Cures
from shale.oci.refusal import NoAccess
from shale.oci.registry import Registry
from shale.registries.docker import PersonIdentities
from shale.registries.identity import ObjectIdentities
from shale.registries.registries import Registries
from shale.registries.settings import RegistrySettings
from shale.registries.target import Target
from shale.secrets import ambient
from shale.secrets.login import Login
from shale.secrets.opening import open_secrets

AT_A_KEYBOARD = Cures(
    "`docker login` there, or say --secret NAMESPACE/NAME", "`docker login` there again, or say --secret NAMESPACE/NAME"
)


def open_registries(
    settings: RegistrySettings, environ: Mapping[str, str], options: Options | None = None
) -> Registries:
    """Return the registries of a service process. ValueError names the setting that cannot be used."""
    secrets = open_secrets(settings.secrets_dir, environ)
    objects = ObjectIdentities(Login(secrets, ambient.parse(settings.ambient)))
    return Registries(settings, secrets, objects, options)


def open_for_person(
    target: Target,
    settings: RegistrySettings,
    environ: Mapping[str, str],
    docker_config: Path,
    pause: Callable[[float], None] = pause,
) -> Registry | NoAccess:
    """Return the registry of a target as the person at the keyboard sees it; `pause` as in `Opener.open`.

    A target that names a Secret is opened with it, as a service would; any other with what `docker login` left in
    `docker_config` (`~/.docker/config.json`, there or not). Raises as `Registries.open` does.
    """
    secrets = open_secrets(settings.secrets_dir, environ)
    person = PersonIdentities(ObjectIdentities(Login(secrets)), docker_config)
    options = Options() if target.secret else Options(cures=AT_A_KEYBOARD)
    return Registries(settings, secrets, person, options).open(target, pause)
