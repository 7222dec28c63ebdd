# SPDX-License-Identifier: GPL-2.0
# `make` builds pidns.ko for the running kernel; `make help` lists the rest.

KDIR ?= /lib/modules/$(shell uname -r)/build
RUSTC ?= rustc
# The one that `make demo` built, where there is no other.
cache-bindgen := $(wildcard $(or $(PIDNS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pidns)/bindgen/bin/bindgen)
BINDGEN ?= $(or $(shell command -v bindgen),$(cache-bindgen),bindgen)

.PHONY: modules install demo test parity bench check format clean distclean help kdir

modules: kdir ## Build pidns.ko for the running kernel, or for KDIR=
	@$(MAKE) -C "$(KDIR)" M="$(CURDIR)" RUSTC="$(RUSTC)" BINDGEN="$(BINDGEN)" modules

install: kdir ## Install pidns.ko for the kernel of KDIR
	@$(MAKE) -C "$(KDIR)" M="$(CURDIR)" modules_install

demo: ## Show in a guest what the module does; sets up everything it needs
	@scripts/demo

test: ## Run all tests in guests on three kernels; sets up everything it needs
	@scripts/test

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

# What a kernel and a machine need for a module in Rust; what is missing ends in one line.
have = $(shell grep -q '^$(1)=y' "$(KDIR)/include/config/auto.conf" && echo y)
tool = $(shell command -v "$(1)")
kdir:
	$(if $(wildcard $(KDIR)/Makefile),,$(error $(KDIR) is no build directory of a kernel: \
		say make KDIR=DIRECTORY, or install linux-headers-$(shell uname -r) for the running one))
	$(if $(wildcard $(KDIR)/include/config/auto.conf),,$(error $(KDIR) is not configured: build that kernel first))
	$(if $(call have,CONFIG_MODULES),,$(error the kernel of $(KDIR) has no CONFIG_MODULES: build it with modules))
	$(if $(call have,CONFIG_RUST),,$(error the kernel of $(KDIR) has no CONFIG_RUST: build it with Rust))
	$(if $(wildcard $(KDIR)/rust/libkernel.rmeta),,$(error $(KDIR) lacks rust/libkernel.rmeta: \
		run make prepare in that kernel first))
	$(if $(call tool,$(RUSTC)),,$(error no $(RUSTC) here: install the rustc that built the kernel, or say make RUSTC=FILE))
	$(if $(call tool,$(BINDGEN)),,$(error no $(BINDGEN) here: install bindgen 0.71.1 or newer, or say make BINDGEN=FILE))
