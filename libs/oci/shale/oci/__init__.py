"""Images as data, then a door to registries. Import the modules: `from shale.oci import manifest`."""
