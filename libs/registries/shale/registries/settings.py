"""What an operator says about registries, once for a process."""

import msgspec


class RegistrySettings(msgspec.Struct, frozen=True):
    """Each is a setting of its own, and none is required; ambient.py and opening.py of the secrets say more.

    `layout_dir` (SHALE_LAYOUT_DIR): the folder of OCI layouts where names without a host lie, one layout each.
    `home_registry` (SHALE_HOME_REGISTRY): else the host where they lie. `secrets_dir` (SHALE_SECRETS_DIR): a laptop's
    Secrets. `ambient` (SHALE_AMBIENT): whose objects may push as the machine, and where to.
    """

    layout_dir: str = ""
    home_registry: str = ""
    secrets_dir: str = ""
    ambient: str = ""
