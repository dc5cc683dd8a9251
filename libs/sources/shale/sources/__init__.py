"""The one door to where weights come from."""
