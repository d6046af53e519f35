#!/usr/bin/env bash
# Cold start of `diapason list`: how long before the program, freshly built, has read its catalogue and
# printed it. Needs nothing but bash.
#
#     cargo build --release && bash benches/cold-start.sh [RUNS] [PROGRAM]
#
# The first run warms the page cache and is not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-20}
program=${2:-${CARGO_TARGET_DIR:-target}/release/diapason}
if [ ! -x "$program" ]; then
    echo "$program is not there: cargo build --release" >&2
    exit 2
fi
unset DIAPASON_DATA
"$program" list scenarios >/dev/null 2>&1
times=()
for ((run = 0; run < runs; run++)); do
    start=${EPOCHREALTIME/[.,]/}
    "$program" list scenarios >/dev/null 2>&1
    end=${EPOCHREALTIME/[.,]/}
    times+=($((end - start)))
done
mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
ms() { printf '%d.%03d ms' $(($1 / 1000)) $(($1 % 1000)); }
echo "diapason list scenarios, $runs runs: fastest $(ms "${sorted[0]}"), median $(ms "${sorted[runs / 2]}"), slowest $(ms "${sorted[runs - 1]}")"
