"""The command line, a module a command: `ringback --help` lists them.

Commands read flags and the environment, call one thing and print. What they print for people may change; what they
print with `--json`, and their exit codes, is documented in docs/cli.md and stays.
"""
