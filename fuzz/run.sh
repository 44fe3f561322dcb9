#!/usr/bin/env bash
# fuzz/run.sh [SECONDS] [NAME...]: fuzzes every target (or the named ones) for SECONDS each (default 600), with its dictionary and corpus. What is found
# lies in build/fuzz/NAME/; exit status 1 if anything was. Needs the dev preset built.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for file in fuzz/*_fuzz.cc; do name=$(basename "$file" _fuzz.cc); names+=("$name"); done
fi
failed=0
for name in "${names[@]}"; do
  work=build/fuzz/$name
  mkdir -p "$work/corpus"
  dict=()
  [ -e "fuzz/dict/$name.dict" ] && dict=(-dict="fuzz/dict/$name.dict")
  if "build/dev/bin/${name}_fuzz" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 ${dict[@]+"${dict[@]}"} \
    -artifact_prefix="$work/" "$work/corpus" "fuzz/corpus/$name" >"$work/log" 2>&1; then
    echo "clean: $name, $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") runs in $seconds s"
  else
    echo "FOUND: $name, see $work/log"
    failed=1
  fi
done
exit $failed
