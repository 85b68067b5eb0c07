"""The web console: pages for those who run Ringback, and for its tenants, at /console.

Rendered on the server by Jinja2; htmx (in `static`, with its licence) only makes pages live. Every page works without
JavaScript. Reaches state through the use cases of `control` alone.
"""
