#!/usr/bin/env bash
# What a machine can check of the language: commit subjects, the width of prose, and phrases that have a plainer form.
#   tests/steps/language.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
broken=0

# report WHAT LINES: a rule with the lines that break it.
report() {
  if [[ -n $2 ]]; then
    printf 'broken: %s\n%s\n' "$1" "$2"
    broken=$((broken + 1))
  else
    printf 'holds: %s\n' "$1"
  fi
}

# The first commit whose subject follows the rule, as all after it do.
since=c063d71
if git merge-base --is-ancestor "$since" HEAD 2>/dev/null; then
  subjects=$(git log --no-merges --format=%s "$since..HEAD" | grep -vE '^[a-z0-9/_.,: -]{2,30}: [^ ].*$' || true)
  report 'a commit subject is "area: imperative summary"' "$subjects"
  subjects=$(git log --no-merges --format=%s "$since..HEAD" | awk 'length($0) > 60')
  report 'a commit subject has at most 60 characters' "$subjects"
else
  printf 'NOT CHECKED: commit subjects, for the history does not reach back to %s\n' "$since"
fi

# Tables, links, pictures and code are as wide as they must be.
wide=$(
  python3 - <<'PY'
import subprocess
for name in subprocess.check_output(["git", "ls-files", "*.md"], text=True).split():
    is_code = False
    if name.startswith("docs/reference/"):
        continue
    for number, line in enumerate(open(name, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.lstrip().startswith("```"):
            is_code = not is_code
        is_free = line.lstrip().startswith(("|", "!", "<")) or "](" in line
        if not is_code and not is_free and len(line) > 120:
            print(f"{name}:{number}: {len(line)} columns")
PY
)
report 'prose in Markdown wraps at 120 columns' "$wide"

# Each with the form to use.
phrase() {
  report "\"$1\": write \"$2\"" "$(git grep -nIE "$1" -- '*.md' '*.rs' '*.sh' '*.toml' '*.yaml' ':!tests/steps/language.sh' || true)"
}
phrase '\bfor ever\b' 'permanently'
phrase '\banew\b' 'again'
phrase '\blikewise\b' 'also, or name it'
phrase '\bno shell\b' 'non-shell'
phrase '//[/!] Tells whether' 'Returns whether'

((broken == 0))
