# SPDX-License-Identifier: GPL-2.0
# `make` builds pidns.ko for the running kernel; `make help` lists the rest.

KDIR ?= /lib/modules/$(shell uname -r)/build
RUSTC ?= rustc
MANDIR ?= /usr/share/man
PREFIX ?= /usr
CARGO ?= cargo
INSTALL_MOD_PATH ?= $(DESTDIR)
# The one that `make demo` built, where there is no other.
cache-bindgen := $(wildcard $(or $(PIDNS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pidns)/bindgen/bin/bindgen)
BINDGEN ?= $(or $(shell command -v bindgen),$(cache-bindgen),bindgen)

# Where the kernel of KDIR left what a module in Rust needs; what is missing ends in one line.
find-kdir = kdir=$$(RUSTC="$(RUSTC)" BINDGEN="$(BINDGEN)" scripts/kdir "$(KDIR)")

# The kernel's own depmod wants a System.map, which headers lack; a package's DESTDIR has no list of modules.
release = $(or $(shell cat "$(KDIR)/include/config/kernel.release" 2>/dev/null),$(error $(KDIR) is no build directory of a kernel: say make KDIR=DIRECTORY))
modules-dir = $(INSTALL_MOD_PATH)/lib/modules/$(release)
depmod = { export PATH=$$PATH:/usr/sbin:/sbin; [ ! -f "$(modules-dir)/modules.order" ] || depmod $(if $(INSTALL_MOD_PATH),-b "$(INSTALL_MOD_PATH)") $(release); }

.PHONY: modules install uninstall tools install-tools uninstall-tools demo demo-stock demo-arm64 quick test test-stock test-arm64 test-deep parity engines fuzz soak bench deb test-deb check format rust-analyzer clean distclean help

modules: ## Build pidns.ko for the running kernel, or for KDIR=
	@$(find-kdir) && $(MAKE) -C "$$kdir" M="$(CURDIR)" RUSTC="$(RUSTC)" BINDGEN="$(BINDGEN)" modules

install: modules ## Install pidns.ko for that kernel, and its manual page; DESTDIR= for a package
	@$(find-kdir) && $(MAKE) -C "$$kdir" M="$(CURDIR)" INSTALL_MOD_PATH="$(INSTALL_MOD_PATH)" cmd_depmod=: \
		$$([ -f "$$kdir/certs/signing_key.x509" ] || echo CONFIG_MODULE_SIG_ALL=) modules_install && $(depmod)
	@install -D -m 644 docs/pidns.4 "$(DESTDIR)$(MANDIR)/man4/pidns.4"

uninstall: ## Remove both
	@rm -f "$(modules-dir)/updates/pidns.ko"* "$(DESTDIR)$(MANDIR)/man4/pidns.4"
	@$(depmod)

# In there, for a .cargo/config.toml that names vendored crates.
tools: ## Build pidnsctl, which shows namespaces and verdicts; it wants cargo and rustc 1.85
	@cd tools/pidnsctl && CARGO_TARGET_DIR=target $(CARGO) build --release --locked

pidnsctl := tools/pidnsctl/target/release/pidnsctl
completions := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pidnsctl \
	$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_pidnsctl $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pidnsctl.fish

install-tools: tools ## Install it, its manual page and completions for bash, zsh, fish; DESTDIR=, PREFIX=
	@install -D -m 755 $(pidnsctl) "$(DESTDIR)$(PREFIX)/bin/pidnsctl"
	@install -D -m 644 tools/pidnsctl/pidnsctl.8 "$(DESTDIR)$(MANDIR)/man8/pidnsctl.8"
	@set -- bash zsh fish; for file in $(completions); do \
		mkdir -p "$${file%/*}" && $(pidnsctl) completions "$$1" >"$$file" && shift || exit; done

uninstall-tools: ## Remove them
	@rm -f "$(DESTDIR)$(PREFIX)/bin/pidnsctl" "$(DESTDIR)$(MANDIR)/man8/pidnsctl.8" $(completions)

demo: ## Show in a guest what the module does; sets up everything it needs
	@scripts/demo

demo-stock: ## The same on Debian's own unmodified kernel, without building one
	@scripts/demo stock

demo-arm64: ## The same on Debian's own unmodified kernel for arm64, emulated here
	@scripts/demo arm64

quick: ## Run what takes less than 3 seconds a test on two kernels; says what it left out
	@scripts/test --quick

test: ## Run the tests in guests on five kernels; sets up everything it needs
	@scripts/test

test-stock: ## Run all tests on Debian's own kernels, 7.3 and 7.2, with 100 loads under load
	@PIDNS_CYCLES=20 scripts/test --kernel stock --kernel stock-forky

test-arm64: ## Run all tests on kernels for arm64, emulated here: two of Debian's own, and two that are built
	@PIDNS_CYCLES=20 scripts/test --kernel supply-arm64 --kernel stock-arm64 --kernel stock-forky-arm64 --kernel native-arm64

test-deep: ## Run what takes hours: whole samples, sanitizers, failing allocations, a million namespaces, seeds, soak
	@scripts/test-deep

parity: ## Compare mainline's kernel selftests with and without the module; writes docs/PARITY.md
	@scripts/parity

engines: ## Play scenarios with Debian's container engines in guests; writes docs/ENGINES.md
	@scripts/engines

fuzz: ## Let seeds choose what processes do on three kernels, and compare what they see
	@scripts/fuzz

soak: ## Let all stressors run at once for ten minutes on two kernels; HOURS= for longer
	@scripts/soak

bench: ## Count what signals cost, with and without the module; writes docs/PERFORMANCE.md
	@scripts/bench

deb: ## Build the packages pidns-dkms and pidns-tools for Debian 13; says where they are
	@scripts/deb

test-deb: ## Install, upgrade and remove them in a guest
	@scripts/test-deb

check: ## Formatting, lints, shell scripts and the rules of the tree
	@scripts/check

format: ## Format the Rust sources
	@scripts/check --format

rust-analyzer: ## Write rust-project.json, from which rust-analyzer knows the module
	@scripts/rust-analyzer

clean: ## Remove what `make` built here
	@rm -rf .tmp_versions tools/pidnsctl/target
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name '.*.d' -o -name '*generated.rs' -o -name calls.h -o -name Module.symvers -o -name modules.order -o -name .module-common.o \) \
		-type f -exec rm -f {} +

distclean: clean ## Remove that, and the cache with kernels, tools and guest
	@cache=$${PIDNS_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pidns}; echo "removing what was made in $$cache"; \
		cd "$$cache" 2>/dev/null && [ -e locks/setup ] && rm -rf accel-* bench bindgen clippy-tests deb debian engines* image kdir kernels livepatch locks \
		logs modules selftests selftests-arm64 source stock test-deb.* tests tools tools.env* tsc tsc-* || true; rmdir "$$cache" 2>/dev/null || true

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Variables: KDIR (build directory of a kernel), KERNEL_SRC (source for the test kernels), RUSTC, BINDGEN, LLVM,'
	@echo 'PIDNS_CACHE (where things are made), PIDNS_MIRROR (of Debian); for make install DESTDIR, INSTALL_MOD_PATH, MANDIR, PREFIX;'
	@echo 'for tests PIDNS_FULL, PIDNS_CYCLES, PIDNS_NAMESPACES, PIDNS_STORM (docs/TESTING.md); for make soak HOURS'
