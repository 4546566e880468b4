# `make demo` and `make test` set everything up by themselves: Python >= 3.10 with venv is enough.
PYTHON ?= python3
VENV ?= .venv
CAMVID ?= camvid
ENCODER ?= imagenet
ENCODER1 ?= imagenet
BIN := $(abspath $(VENV))/bin
STAMP := $(VENV)/.edgeseg-installed
SWIFTSHADER := build/swiftshader/libvk_swiftshader.so
CHROMIUM := @sparticuz/chromium@131.0.1
NATIVE := $(wildcard $(foreach folder,native native/kernels native/tests,$(folder)/*.cc $(folder)/*.h))
STYLED := $(NATIVE) $(wildcard $(foreach folder,example fuzz,native/$(folder)/*.c native/$(folder)/*.cc native/$(folder)/*.h))
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup demo test slow lint format types bench zoo swiftshader clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 13

setup: $(STAMP) ## make the virtual environment and install edgeseg into it

demo: $(STAMP) demo/fcn8.tflite ## convert FCN-8 to int8, then run it on moving pictures
	$(BIN)/edgeseg run demo/fcn8.tflite --source 'synthetic://street?seed=3' --frames 150 \
	  --save demo/overlay.mp4 --masks demo/masks --stats demo/run.jsonl --snapshot demo/overlay.png
	@echo "look at demo/overlay.png and demo/overlay.mp4; the masks are in demo/masks"

demo/fcn8.tflite: $(STAMP) edgeseg/zoo/fcn8.keras
	@mkdir -p demo
	$(BIN)/edgeseg convert --int8 -o $@

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest

slow: $(STAMP) ## run the heavy tests and those of clean installs
	$(BIN)/python -m pytest -m "slow or install"

lint: $(STAMP) ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	if [ -x $(BIN)/clang-format ]; then $(BIN)/clang-format --dry-run -Werror $(STYLED); fi

format: $(STAMP) ## mend style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(STYLED)

# mypy sees the packages under the names they are installed by; so do the imports inside them.
types: $(STAMP) ## check types
	rm -rf build/types && mkdir -p build/types/edgeseg
	ln -s $(CURDIR)/edgeseg/* $(CURDIR)/converters $(CURDIR)/benchmarks build/types/edgeseg
	cd build/types && $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p edgeseg

bench: $(STAMP) ## compare the decoders on this machine
	$(BIN)/edgeseg bench fcn8 vs fcn16 vs fcn32

zoo: $(STAMP) ## train, convert and describe the embedded models again (2 hours; CAMVID, ENCODER, ENCODER1)
	PATH="$(BIN):$$PATH" sh edgeseg/zoo/make.sh $(CAMVID) $(ENCODER) $(ENCODER1)

swiftshader: $(SWIFTSHADER) ## fetch a GPU driver that runs on any CPU, for tests and check (npm, 66 MB)
	@echo "now set EDGESEG_VULKAN=$(abspath $(dir $(SWIFTSHADER)))"

# It comes with a build of Chromium, of which all else is left out; npm checks the archive's hash.
$(SWIFTSHADER):
	@command -v npm >/dev/null && command -v node >/dev/null || \
	  { echo "this fetches SwiftShader with npm and node; type: apt install npm"; exit 1; }
	rm -rf build/swiftshader && mkdir -p build/swiftshader
	cd build/swiftshader && npm pack --silent $(CHROMIUM) >/dev/null
	cd build/swiftshader && tar xzf *.tgz --no-same-owner --strip-components=2 package/bin/swiftshader.tar.br
	cd build/swiftshader && node -e "const fs = require('fs'), zlib = require('zlib'); \
	  fs.writeFileSync('all.tar', zlib.brotliDecompressSync(fs.readFileSync('swiftshader.tar.br')))"
	cd build/swiftshader && tar xf all.tar --no-same-owner libvulkan.so.1 libvk_swiftshader.so vk_swiftshader_icd.json
	cd build/swiftshader && rm -f *.tgz swiftshader.tar.br all.tar
	@touch $@

clean: ## remove what these targets made
	rm -rf build demo $(VENV)

# Editable: only these files need a new install; changed Python files do not.
$(STAMP): pyproject.toml CMakeLists.txt $(NATIVE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "edgeseg needs Python 3.10 or newer; type: make PYTHON=python3.12 (or whichever you have)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "this Python cannot make virtual environments; type: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[convert,dev]'
	@touch $@
