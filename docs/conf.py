"""How the pages of this folder become a site: sphinx-build -W docs FOLDER."""

import amc_xai

project = "amc_xai"
author = project
copyright = f"the authors of {project}"
release = version = amc_xai.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["scripts"]
suppress_warnings = ["mystnb.unknown_mime_type"]

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
# A test runs the notebook (tests/test_notebook.py); the site shows what it left.
nb_execution_mode = "off"

# Docstrings are the reference: members as each package names them, types as they stand in the code.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring, napoleon_numpy_docstring = True, False

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
