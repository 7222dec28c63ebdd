// SPDX-License-Identifier: GPL-2.0
/* What only C can define: static calls, statics of macro-made types, and the shims. */
#include <linux/module.h>
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#if IS_BUILTIN(CONFIG_FUSE_FS) && !defined(CONFIG_PID_NS)
#include "../fs/fuse/fuse_i.h"
#endif

#define PIDNS_DEFINE_SHIMS
#include "input.h"

MODULE_VERSION(PIDNS_VERSION);

PIDNS_CALLS(PIDNS_DEFINE)

DEFINE_SRCU(pidns_inside);

#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "events.h"
