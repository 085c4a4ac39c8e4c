"""The image engine: compiles lists of transformations into libvips pipelines."""
