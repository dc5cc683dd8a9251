"""What image-builder needs to know beside what every service does."""

import msgspec


class ImageBuilderSettings(msgspec.Struct, frozen=True):
    """`layout_dir` (SHALE_LAYOUT_DIR): the folder of OCI layouts that is the registry, one layout per repository."""

    layout_dir: str
