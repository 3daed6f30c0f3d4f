from ._library import __version__
