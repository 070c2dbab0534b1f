/* stall MILLISECONDS: for so long (1..1000, and a few more) no processor serves the network, as when a host takes them all away.
 * Exit status 0: every processor stood still for at least so long; 1: it was not to be done, said why. */
#include "tests/system/stall.skel.h"

#include "lib/base/clock.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int stall_here(int program, int cpu, uint64_t ns)
{
	cpu_set_t one;
	unsigned char frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof frame, .repeat = 1);

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof one, &one) < 0 || bpf_prog_test_run_opts(program, &run) < 0) {
		fprintf(stderr, "stall: processor %d: %s\n", cpu, strerror(errno));
		return 1;
	}
	return run.duration < ns;
}

int main(int argc, char **argv)
{
	long ms = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	if (ms < 1 || ms > 1000) {
		fprintf(stderr, "usage: stall MILLISECONDS (1..1000)\n");
		return 1;
	}
	struct stall_bpf *bpf = stall_bpf__open();
	if (!bpf)
		return 1;
	uint64_t ns = (uint64_t)ms * NS_PER_MS;
	cpu_set_t all;
	if (stall_bpf__load(bpf) < 0 || sched_getaffinity(0, sizeof all, &all) < 0) {
		fprintf(stderr, "stall: %s; the kernel must have bpf_loop (5.17), and we be root\n",
			strerror(errno));
		return 1;
	}
	bpf->bss->stall_ns = ns;
	int status, failed = 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		pid_t pid = CPU_ISSET(cpu, &all) ? fork() : 1;
		if (pid == 0)
			_exit(stall_here(bpf_program__fd(bpf->progs.stall), cpu, ns));
		if (pid < 0) {
			fprintf(stderr, "stall: fork: %s\n", strerror(errno));
			failed = 1;
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	stall_bpf__destroy(bpf);
	return failed != 0;
}
