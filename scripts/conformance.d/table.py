"""One row for one run of the conformance suite, out of what it printed. Without arguments: the head of the table.

Arguments: the server's name, the revision, the suite's exit code, its log, and its list of what the revision requires.
"""

import re
import sys

ROW = "{:<10} {:<12} {:>18} {:>16}   {}"

if len(sys.argv) == 1:
    print(ROW.format("server", "revision", "required scenarios", "their checks", "as expected"))
    sys.exit()

server, revision, code, path, required_path = sys.argv[1:]
required_text = open(required_path, encoding="utf-8").read()
required_text = required_text.partition("Server scenarios")[2].partition("Client scenarios")[0]
required = set(re.findall(r"^  - (\S+)", required_text, re.MULTILINE))
log = open(path, encoding="utf-8").read()
summary = log.partition("=== SUMMARY ===")[2]
scenarios = [
    (mark == "✓", name, int(passed), int(failed))
    for mark, name, passed, failed in re.findall(r"^([✓✗~]) (\S+): (\d+) passed, (\d+) failed", summary, re.MULTILINE)
    if name in required
]
passed = sum(is_good for is_good, *_ in scenarios)
checks = sum(passed for *_, passed, _ in scenarios)
failed = sum(failed for *_, failed in scenarios)
verdict = "yes" if code == "0" else f"NO, exit {code}: {path}"
print(ROW.format(server, revision, f"{passed} of {len(required)}", f"{checks} of {checks + failed}", verdict), flush=True)
if code != "0":
    print("    did not pass:", *(name for is_good, name, *_ in scenarios if not is_good))
    told = summary.partition("Total:")[2] or log[-2000:]
    print("\n".join("    " + line for line in told.strip().splitlines()))
