// SPDX-License-Identifier: GPL-2.0
/* The BPF helper bpf_probe_read_kernel(), which the kernel has only with its tracing, which user-mode Linux has not. Programs of tc and
 * XDP that read a socket's fields need it (nodes/balancer/agent). */
#include <linux/bpf.h>
#include <linux/filter.h>

BPF_CALL_3(bpf_probe_read_kernel, void *, dst, u32, size, const void *, unsafe_ptr)
{
	return bpf_probe_read_kernel_common(dst, size, unsafe_ptr);
}

/* In place of the weak one of kernel/bpf/helpers.c. */
const struct bpf_func_proto bpf_probe_read_kernel_proto = {
	.func = bpf_probe_read_kernel,
	.gpl_only = true,
	.ret_type = RET_INTEGER,
	.arg1_type = ARG_PTR_TO_UNINIT_MEM,
	.arg2_type = ARG_MEM_SIZE_OR_ZERO,
	.arg3_type = ARG_ANYTHING,
};
