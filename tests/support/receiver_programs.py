"""Code for receivers, run by the programs it is made for: one start of each answers all questions.

A runner takes a folder of its own and pairs of a case and its code; it gives, for each, what the code says to each of
the case's questions.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from support.kept import kept_folder
from support.receiver_cases import Case, Question

Coded = Sequence[tuple[Case, str]]
Answers = list[list[bool]]

_NODE: Final = """import { readFileSync } from "node:fs";
const found = [];
for (const [place, asked] of JSON.parse(readFileSync("given.json", "utf8")).entries()) {
  const { genuine } = await import(`./code${place}.mjs`);
  found.push(asked.map(({ headers, body, key }) => genuine(headers, Buffer.from(body, "base64"), key)));
}
console.log(JSON.stringify(found));
"""
_PHP: Final = """<?php
$found = [];
foreach (json_decode(file_get_contents('given.json'), true) as $place => $asked) {
    require "code$place.php";
    foreach ($asked as ['headers' => $headers, 'body' => $body, 'key' => $key]) {
        $found[$place][] = "Code$place\\\\genuine"($headers, base64_decode($body), $key);
    }
}
echo json_encode($found);
"""
_GO: Final = """package main

import (
	"encoding/json"
	"net/http"
	"os"

%(imports)s
)

var all = []func(http.Header, []byte, string) bool{%(functions)s}

type question struct {
	Headers map[string]string
	Body    []byte
	Key     string
}

func main() {
	var given [][]question
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	found := make([][]bool, len(given))
	for place, asked := range given {
		for _, one := range asked {
			header := http.Header{}
			for name, value := range one.Headers {
				header.Set(name, value)
			}
			found[place] = append(found[place], all[place](header, one.Body, one.Key))
		}
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
"""


def by_python(_: Path, coded: Coded) -> Answers:
    return [[_python(text)(one.headers, one.body, one.key) for one in case.questions] for case, text in coded]


def _python(text: str) -> Callable[..., bool]:
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    genuine: Callable[..., bool] = namespace["genuine"]
    return genuine


def by_node(folder: Path, coded: Coded) -> Answers:
    for place, (_, text) in enumerate(coded):
        (folder / f"code{place}.mjs").write_text(text, "utf-8")
    (folder / "given.json").write_text(_given(coded), "utf-8")
    (folder / "run.mjs").write_text(_NODE, "utf-8")
    return _said(_run(["node", "run.mjs"], folder))


def by_php(folder: Path, coded: Coded) -> Answers:
    for place, (_, text) in enumerate(coded):
        # A function of the same name from each: they are told apart by namespaces.
        named = text.replace("<?php\n", f"<?php\nnamespace Code{place};\n", 1)
        (folder / f"code{place}.php").write_text(named, "utf-8")
    (folder / "given.json").write_text(_given(coded), "utf-8")
    (folder / "run.php").write_text(_PHP, "utf-8")
    return _said(_run(["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", "run.php"], folder))


def by_go(folder: Path, coded: Coded) -> Answers:
    """Each is a package of one module, and all are one program. Nothing is asked of the network."""
    for place, (_, text) in enumerate(coded):
        (folder / f"code{place}").mkdir()
        (folder / f"code{place}" / "receiver.go").write_text(text, "utf-8")
    places = range(len(coded))
    imports = "\n".join(sorted(f'\tcode{place} "tried/code{place}"' for place in places))
    functions = ", ".join(f"code{place}.Genuine" for place in places)
    (folder / "main.go").write_text(_GO % {"imports": imports, "functions": functions}, "utf-8")
    (folder / "go.mod").write_text("module tried\n\ngo 1.19\n", "utf-8")
    # Go's own library is compiled once and kept, as the packages of npm's are.
    places_of_go = {"GOCACHE": str(kept_folder() / "go"), "GOPATH": str(folder / "path"), "GOPROXY": "off"}
    _run(["go", "build", "."], folder, more={**places_of_go, "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"})
    assert _run(["gofmt", "-l", "."], folder) == "", "it is written as Go's programmers expect"
    return _said(_run([str(folder / "tried")], folder, _given(coded)))


def by_shell(folder: Path, coded: Coded) -> Answers:
    """The lines print the signature, which is compared here, or say whether the given one fits."""
    return [[_fits(folder, case, text, one) for one in case.questions] for case, text in coded]


def _fits(folder: Path, case: Case, text: str, one: Question) -> bool:
    (folder / "body.json").write_bytes(one.body)
    values = {name.rpartition("-")[2].upper(): one.headers.get(name, "") for name in case.signing.headers}
    values |= {"PATH": os.environ["PATH"], "SECRET": one.key, "PUBLIC_KEY": one.key}
    given = case.signatures(one.headers)
    for signature in given if case.by_public_key else [""]:
        run = subprocess.run(
            ["sh", "-eu", "-c", text], env={**values, "SIGNATURE": signature}, cwd=folder,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if case.by_public_key and run.returncode == 0 and "Verified Successfully" in run.stdout:
            return True
        printed = case.signing.variants[case.variant].prefix + run.stdout
        if not case.by_public_key and run.returncode == 0 and printed in given:
            return True
    return False


def _given(coded: Coded) -> str:
    return json.dumps([[_asked(one) for one in case.questions] for case, _ in coded])


def _asked(one: Question) -> dict[str, Any]:
    return {"headers": one.headers, "body": base64.b64encode(one.body).decode(), "key": one.key}


def _said(printed: str) -> Answers:
    found: Answers = json.loads(printed)
    return found


def _run(command: Sequence[str], folder: Path, given: str = "", more: Mapping[str, str] | None = None) -> str:
    """What it prints; neither an error nor a warning is taken."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is not there; `make test` installs it on Debian (scripts/debian-tools.sh)")
    run = subprocess.run(
        command, cwd=folder, env={**os.environ, **(more or {})}, input=given, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    return run.stdout
