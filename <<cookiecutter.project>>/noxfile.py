# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2026.8.10", "<< cookiecutter.gopherwhale_requirement >>"]
# ///
"""Sessions that build, verify and push the images; nox makes their environment from the lines above."""

from gopherwhale.nox import register

register()
