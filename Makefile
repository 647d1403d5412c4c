# make help lists the targets. All work is done by go and by the scripts in tools/.
.POSIX:
.PHONY: help build test lint bench fuzz soak wasm corpus-report release fresh

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

build: ## build bin/rootbound, static, for this machine
	CGO_ENABLED=0 go build -trimpath -o bin/rootbound ./cmd/rootbound

test: ## run everything that must pass: peers, lint, tests on both containments
	@tools/test.sh

lint: ## formatting, vet, staticcheck, builds for every system
	@tools/lint.sh

bench: ## run the Go benchmarks, then measure beside nginx and net/http (BENCHFLAGS)
	go test -run '^$$' -bench . -benchmem ./...
	go run ./bench $(BENCHFLAGS)

fuzz: ## run every fuzz target for FUZZTIME (20s)
	@tools/fuzz.sh

soak: ## run the tests at full size: a million files, ten thousand connections, a hundred kills
	ROOTBOUND_SOAK=1 go test -json -count=1 -timeout 2h ./... | go run ./tools/testlog

wasm: ## build the Python grammar of vet again and compare (Debian 12: clang-14 lld-14 wasi-libc libclang-rt-14-dev-wasm32 npm)
	@internal/vet/python/wasm/build.sh --check

corpus-report: ## print the attack corpus: classes, names, and what leaks on which undefended twin
	@go run ./internal/attack/report

release: ## build what ships into dist/build: binaries, checksums, bills of materials
	@tools/release.sh

fresh: ## prove the README's two commands on a minimal Debian (root, mmdebstrap)
	@tools/fresh.sh
