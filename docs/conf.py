"""Settings of the documentation."""

from typing import Any

import sklearn_tamulag

project = "sklearn_tamulag"
author = "The sklearn_tamulag developers"
copyright = f"2026, {author}"
version = release = sklearn_tamulag.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
default_role = "code"

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections state the types, with shapes and ranges
numpydoc_show_class_members = False  # the template of a class lists its members

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_memory": False,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_tamulag {release}"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_prev_next": True}


def skip_foreign_member(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a class inherits from other libraries, whose own pages describe it."""
    origin = getattr(member, "fget", member)
    module = getattr(origin, "__module__", None) or ""
    return True if what == "class" and not module.startswith("sklearn_tamulag") else None


def setup(app: Any) -> None:
    """Connect the filter of members."""
    app.connect("autodoc-skip-member", skip_foreign_member)
