"""Parts of the documentation that are made from the code. Each module has a `render` that gives Markdown."""
