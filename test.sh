#!/usr/bin/env bash
# ./test.sh [--full] [-R REGEX]: builds the dev preset (clang-19, ASan, UBSan) and the product, and runs every test.
#   --full    adds g++ 12, TSan, clang-tidy, the long crash runs, fuzzing, an Active Directory domain, Thunderbird, testssl.sh and the bench
#   -R REGEX  only the tests whose name matches
# Installs what it needs (root or sudo when something is missing). Ends with the test runner's summary.
# Corpus tests read BUZON_CORPUS; without it they are reported as skipped, and with CI=true a skip is a failure.
set -euo pipefail
cd "$(dirname "$0")"
full= filter=()
while [ $# -gt 0 ]; do
  case "$1" in
    --full) full=1 ;;
    -R) filter=(-R "${2:?-R needs a pattern}"); shift ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
  shift
done
step() { printf '\n== %s  (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

step "packages"
tools/install-packages build test ${full:+full}
tools/make-users

jobs=$(nproc)
step "build: dev (ASan, UBSan)"
cmake --preset dev >build-dev.log 2>&1 || { cat build-dev.log; exit 1; }
rm -f build-dev.log
ninja -C build/dev -j"$jobs" --quiet
step "build: release"
cmake --preset release >build-release.log 2>&1 || { cat build-release.log; exit 1; }
rm -f build-release.log
ninja -C build/release -j"$jobs" --quiet

if [ -n "$full" ]; then
  step "build: g++ 12"
  cmake --preset gcc >/dev/null && ninja -C build/gcc -j"$jobs" --quiet
  ctest --preset gcc -L unit
  step "build and test: TSan"
  cmake --preset tsan >/dev/null && ninja -C build/tsan -j"$jobs" --quiet
  ctest --preset tsan -L unit
  step "clang-tidy"
  tools/tidy
  step "fuzzing, a minute for each target"
  fuzz/run.sh 60
  step "a domain controller"   # 110 MB of packages to fetch
  python3 tests/interop/domain_controller.py
  step "Thunderbird"   # 80 MB, installed with the packages above
  python3 tests/interop/thunderbird.py || [ $? = 77 ]
  step "testssl.sh on each port"
  python3 tests/system/testssl.py
  step "bench"
  python3 bench/bench.py
  python3 bench/proxy.py
  export BUZON_FULL=1
fi

step "tests"
export BUZON_REPLIES="$PWD/build/dev/replies.tsv"   # tests/harness/imap_tap.py
rm -f "$BUZON_REPLIES"
ctest --preset dev -j"$jobs" ${filter[@]+"${filter[@]}"}
[ ! -s "$BUZON_REPLIES" ] || awk -F'\t' '{r += $2; d += $3} END {print "IMAP replies held against the rules: " r ", deviations: " d}' "$BUZON_REPLIES"
