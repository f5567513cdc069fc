"""`python -m fiqra`, as `accelerate launch -m fiqra` needs it."""

from .cli import main

main()
