"""The command line: `ringback up`, `serve`, `send`, `listen`, `tail`, `keys`, `bench`, `version`.

Commands read flags and the environment, call one thing and print. What they print for people may change; what they
print with `--json`, and their exit codes, is documented in docs/cli.md and stays.
"""
