/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arm64. The kernel has static calls only with CFI, so a call goes by a trampoline of our own under the same names. It
 * jumps to the address in its key, which is written while the module loads, and never again. In a kernel with BTI by a
 * return: an original goes on behind its patch site, where there is no landing pad, and a return is asked for none. The
 * trampoline has one for those who call it. Aligned so, the ADRP is not where erratum 843419 would have it replaced.
 */
#ifdef CONFIG_ARM64_BTI_KERNEL
#define PIDNS_JUMP "ret"
#else
#define PIDNS_JUMP "br"
#endif
#define PIDNS_DEFINE(fn)							\
	struct static_call_key STATIC_CALL_KEY(pidns_##fn) __ro_after_init;	\
	asm("	.pushsection	.text, \"ax\"\n"				\
	    "	.balign	16\n"							\
	    "	.globl	" STATIC_CALL_TRAMP_STR(pidns_##fn) "\n"		\
	    "	.type	" STATIC_CALL_TRAMP_STR(pidns_##fn) ", %function\n"	\
	    STATIC_CALL_TRAMP_STR(pidns_##fn) ":\n"				\
	    "	hint	34\n" /* BTI c */					\
	    "	adrp	x16, " STATIC_CALL_KEY_STR(pidns_##fn) "\n"		\
	    "	ldr	x16, [x16, :lo12:" STATIC_CALL_KEY_STR(pidns_##fn) "]\n" \
	    "	" PIDNS_JUMP "	x16\n"						\
	    "	.size	" STATIC_CALL_TRAMP_STR(pidns_##fn) ", . - " STATIC_CALL_TRAMP_STR(pidns_##fn) "\n" \
	    "	.popsection\n");
#define PIDNS_BIND(key, trampoline, address) WRITE_ONCE((key)->func, address)

/* Where a BL or B leads, else 0; how long it is; how far apart instructions are. */
#define PIDNS_TARGET(code, at) \
	((get_unaligned_le32(code) & 0x7c000000) == 0x14000000 ? \
		(at) + sign_extend64(get_unaligned_le32(code) & 0x3ffffff, 25) * 4 : 0)
#define PIDNS_CALL_SIZE 4
#define PIDNS_PADDING 0
#define PIDNS_LANDING 0
#define PIDNS_STEP 4

/* System calls: 32-bit programs come by the same functions. */
long __arm64_sys_setns(const struct pt_regs *regs), __arm64_sys_memfd_create(const struct pt_regs *regs);
long __arm64_sys_reboot(const struct pt_regs *regs);
