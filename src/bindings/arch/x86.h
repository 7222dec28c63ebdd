/* SPDX-License-Identifier: GPL-2.0 */
/*
 * x86-64. A call goes by a static call of the kernel's: a trampoline that the kernel patches to a direct jump. A call
 * through a pointer would fault under IBT, both in the middle of a function (an original, behind its patch site) and at
 * the start of one whose `endbr64` was sealed at boot.
 */
#define PIDNS_DEFINE(fn) DEFINE_STATIC_CALL_NULL(pidns_##fn, fn);
#define PIDNS_BIND(key, trampoline, address) __static_call_update(key, trampoline, address)

/* Where a call or jump leads, else 0; how long it is; how far apart instructions are at the least. */
#define PIDNS_TARGET(code, at) \
	((code)[0] == 0xe8 || (code)[0] == 0xe9 ? (at) + 5 + (s32)get_unaligned_le32((code) + 1) : 0)
#define PIDNS_CALL_SIZE 5
/* It may lead to padding in front of a function (call depth tracking), or behind its landing pad. */
#define PIDNS_PADDING 64
#define PIDNS_LANDING 16
#define PIDNS_STEP 1

/* System calls, of 64-bit and of 32-bit programs. */
long __x64_sys_setns(const struct pt_regs *regs), __ia32_sys_setns(const struct pt_regs *regs);
long __x64_sys_memfd_create(const struct pt_regs *regs), __ia32_sys_memfd_create(const struct pt_regs *regs);
long __x64_sys_reboot(const struct pt_regs *regs), __ia32_sys_reboot(const struct pt_regs *regs);
