# SPDX-License-Identifier: GPL-2.0
# `make` builds pidns.ko for the running kernel; `make help` lists the rest.

KDIR ?= /lib/modules/$(shell uname -r)/build
RUSTC ?= rustc
MANDIR ?= /usr/share/man
# The one that `make demo` built, where there is no other.
cache-bindgen := $(wildcard $(or $(PIDNS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pidns)/bindgen/bin/bindgen)
BINDGEN ?= $(or $(shell command -v bindgen),$(cache-bindgen),bindgen)

# Where the kernel of KDIR left what a module in Rust needs; what is missing ends in one line.
find-kdir = kdir=$$(RUSTC="$(RUSTC)" BINDGEN="$(BINDGEN)" scripts/kdir "$(KDIR)")

.PHONY: modules install uninstall demo demo-stock test test-stock parity bench check format clean distclean help

modules: ## Build pidns.ko for the running kernel, or for KDIR=
	@$(find-kdir) && $(MAKE) -C "$$kdir" M="$(CURDIR)" RUSTC="$(RUSTC)" BINDGEN="$(BINDGEN)" modules

install: modules ## Install pidns.ko for that kernel, and its manual page
	@$(find-kdir) && $(MAKE) -C "$$kdir" M="$(CURDIR)" modules_install
	@install -D -m 644 docs/pidns.4 "$(DESTDIR)$(MANDIR)/man4/pidns.4"

uninstall: ## Remove both
	@$(find-kdir) && release=$$(cat "$$kdir/include/config/kernel.release") && \
		rm -f "$(INSTALL_MOD_PATH)/lib/modules/$$release/updates/pidns.ko"* "$(DESTDIR)$(MANDIR)/man4/pidns.4" && \
		depmod $${INSTALL_MOD_PATH:+-b "$$INSTALL_MOD_PATH"} "$$release"

demo: ## Show in a guest what the module does; sets up everything it needs
	@scripts/demo

demo-stock: ## The same on Debian's own unmodified kernel, without building one
	@scripts/demo stock

test: ## Run all tests in guests on three kernels; sets up everything it needs
	@scripts/test

test-stock: ## Run all tests on Debian's own kernels, 7.3 and 7.2, with 500 loads under load
	@PIDNS_CYCLES=100 scripts/test --kernel stock --kernel stock-forky

parity: ## Compare mainline's kernel selftests with and without the module; writes docs/PARITY.md
	@scripts/parity

bench: ## Count what signals cost, with and without the module; writes docs/PERFORMANCE.md
	@scripts/bench

check: ## Formatting, lints, shell scripts and the rules of the tree
	@scripts/check

format: ## Format the Rust sources
	@scripts/check --format

clean: ## Remove what `make` built here
	@rm -rf .tmp_versions
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name '.*.d' -o -name generated.rs -o -name Module.symvers -o -name modules.order -o -name .module-common.o \) \
		-type f -exec rm -f {} +

distclean: clean ## Remove that, and the cache with kernels, tools and guest
	@cache=$${PIDNS_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/pidns}; echo "removing $$cache"; rm -rf "$$cache"

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Variables: KDIR (build directory of a kernel), KERNEL_SRC (source for the test kernels), RUSTC, BINDGEN, LLVM'
