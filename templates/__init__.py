"""How it looks: Jinja files and styles. A package, so that no stray folder of this name can shadow it."""
