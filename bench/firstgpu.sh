#!/usr/bin/env bash
# The first ten minutes on a real GPU: is it right, what does it cost, which kernels does it like.
#
#     make firstgpu                      on a machine with Go: build/firstgpu.tar.gz, all that runs here
#     bench/firstgpu.sh [FOLDER]         on the one with the GPU: results to FOLDER ($OUT, or build/results)
#
# The machine with the GPU needs the repository, that archive and a Vulkan driver; no Go, no compiler. Every
# step has its time, and what fails or takes longer is noted and left behind. FOLDER gets a text and, of what
# measures, the JSON of each step, and summary.json; nothing in them names a person, a machine or a path
# outside of temporary folders. It exits with 1 if a step failed.
#
# What it measures can be made smaller, and steps may take SLOW times as long; this is for llvmpipe:
#
#     SHAPE=288,768,6,6,6,512 LARGE=288,768,6,6,6,512 CONTEXTS=0,200 LONG=512 PREFILL=64 DECODE=8 RUNS=1 \
#     GPU_TESTS='NormMatVec|Choose|Gather' ENGINE_TESTS='ChoiceOnTheDevice|MatchesTheCPU' SLOW=2 bench/firstgpu.sh
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

out=${1:-${OUT:-build/results}}
archive=${ARCHIVE:-build/firstgpu.tar.gz}
limit=${LIMIT:-600} slow=${SLOW:-1} # seconds for everything, and how much longer than on a GPU a step may take
shape=${SHAPE:-SmolLM2-135M}     # the model whose every kernel is timed
large=${LARGE:-Llama-3.2-1B}     # the model that shows bandwidth and memory
contexts=${CONTEXTS:-0,200,1024} # tokens before the first one that is written by the first model
long=${LONG:-4096}               # and by the second
prefill=${PREFILL:-512} decode=${DECODE:-128} runs=${RUNS:-3}
model=${MODEL:-}                 # a GGUF to measure besides, if there is one
gpu_tests=${GPU_TESTS:-MatMul|NormMatVec|Attention|CacheWrite|Choose|GVote|Merge|Rotate|Gather}
engine_tests=${ENGINE_TESTS:-Logits|DevicesDecideAlike|ChoiceOnTheDevice|FeedAhead|EveryMethod|MatchesTheCPU}

# 1. What was built, and where it goes.
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
if ! tar -xzf "$archive" -C "$tmp"; then
	echo "$archive cannot be unpacked: make firstgpu builds it, where there is Go" >&2
	exit 1
fi
keyfold=$tmp/keyfold
export REQUIRE_GPU=1 XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$tmp}" TMPDIR="$tmp"
if [ -e "$tmp/lib/libvulkan.so.1" ] && ! PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
	export LD_LIBRARY_PATH="$tmp/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" # the loader that was brought along
fi

# 2. A step: its name, its seconds, its command. What it prints goes to FOLDER/NAME.txt.
names=() results=() took=()
step() {
	local name=$1 seconds=$((slow * $2)) left=$((limit - SECONDS)) began=$SECONDS status result
	shift 2
	if [ "$left" -lt 5 ]; then
		status=skipped
	else
		[ "$seconds" -le "$left" ] || seconds=$left
		echo "$name: up to $seconds s" >&2
		timeout -k 5 "$seconds" "$@" >"$out/$name.txt" 2>&1
		status=$?
	fi
	case $status in
	0) result=ok ;;
	124 | 137) result="out of time" ;;
	skipped) result="no time left" ;;
	*) result="failed ($status)" ;;
	esac
	names+=("$name") results+=("$result") took+=($((SECONDS - began)))
	[ "$status" = 0 ]
}
bench() { # NAME SECONDS FLAGS...: keyfold bench on the GPU
	step "$1" "$2" "$keyfold" bench -device gpu -json "$out/$1.json" "${@:3}"
}
tests() { # NAME SECONDS PACKAGE PATTERN: its tests, whose data is beside them
	step "$1" "$2" env -C "$3" "$tmp/$3.test" -test.v -test.run "$4"
}
drivers() { # what WebGPU can find
	ls /usr/share/vulkan/icd.d /etc/vulkan/icd.d 2>/dev/null
	if command -v nvidia-smi >/dev/null; then
		nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
	fi
	true
}

# 3. The steps, the most telling first.
drivers >"$out/drivers.txt" 2>&1
step run-cold 60 "$keyfold" run -device gpu -n 8 -json "$out/run-cold.json"
step run-warm 30 "$keyfold" run -device gpu -n 8 -json "$out/run-warm.json"
bench probe 30 -prefill 0 -decode 8 -runs 1
tests gpu-tests 90 gpu "$gpu_tests"
tests engine-tests 90 engine "$engine_tests"
if [ -n "$model" ]; then
	bench real 60 -model "$model" -prefill "$prefill" -decode "$decode" -runs "$runs"
fi
bench small 90 -shape "$shape" -context "$contexts" -prefill "$prefill" -decode "$decode" -runs "$runs"
for type in q4_0 q8_0; do
	if step "make-$type" 40 "$keyfold" bench -shape "$large" -type "$type" -save "$tmp/$type.gguf" -runs 0; then
		bench "large-$type" 75 -model "$tmp/$type.gguf" -context "0,$long" -fill -prefill "$prefill" -decode "$decode" -runs "$runs" -match 32
	fi
done
for method in h2o expected gvote; do # they measure the text, so it is read
	bench "$method" 30 -model "$tmp/q8_0.gguf" -context "$long" -method "$method" -prefill 0 -decode 16 -runs 1 -match 0
done
bench kernels 60 -kernels -shape "$shape"

# 4. The summary: what ran, and the lines that tell most.
failed=0
{
	echo "["
	for i in "${!names[@]}"; do
		[ "$i" = 0 ] || echo ","
		printf ' {"step": "%s", "result": "%s", "seconds": %d}' "${names[i]}" "${results[i]}" "${took[i]}"
	done
	printf '\n]\n'
} >"$out/summary.json"
for i in "${!names[@]}"; do
	printf '%-14s %-14s %4d s\n' "${names[i]}" "${results[i]}" "${took[i]}"
	[ "${results[i]}" = ok ] || failed=1
	[ -e "$out/${names[i]}.txt" ] || continue
	if [ "${names[i]%-tests}" != "${names[i]}" ]; then
		awk '/^ *--- PASS/ {pass++} /^ *--- FAIL/ {print "    " $0} /^ *--- SKIP/ {print "    " $0}
			END {printf "    %d passed\n", pass}' "$out/${names[i]}.txt"
	elif [ "${results[i]}" = ok ]; then
		grep -E '^(device|limits|overhead|CPU match|prefill|decode|context|time) ' "$out/${names[i]}.txt" |
			awk '!seen[$0]++ {print "    " $0}'
	else
		tail -n 3 "$out/${names[i]}.txt" | cut -c 1-160 | sed 's/^/    /'
	fi
done
exit "$failed"
