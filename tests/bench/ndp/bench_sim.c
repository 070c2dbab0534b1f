/* How fast the packet simulator is: packets times links a second of processor time on one core, whole scenarios, memory a host. Beside the
 * authors' simulator where its htsim_ndp_permutation is given (built from github nets-cs-pub-ro/NDP with -O2): both simulate the 128-host
 * permutation for 200 ms, in turns.
 * Usage: bench_sim [HTSIM_NDP_PERMUTATION] */
#include "lib/fabric/jobs.h"
#include "nodes/ndp/sim/transports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 3
#define PERMUTATION "permutation"

static void die(const char *what)
{
	fprintf(stderr, "bench_sim: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One run in a process of its own: its processor time, its memory beyond that of the smallest one, and what it measured. */
static struct job run(const char *text)
{
	struct scenario scenario;
	struct jobs jobs;
	char *error = NULL;

	fabric_jobs_init(&jobs, 1, 0);
	if (fabric_parse(&scenario, ndp_transports, text, &error) < 0) {
		fprintf(stderr, "bench_sim: %s\n", error);
		exit(1);
	}
	fabric_jobs_add(&jobs, &scenario, 1, 0);
	if (fabric_jobs_run(&jobs, 1, &error) < 0) {
		fprintf(stderr, "bench_sim: %s\n", error);
		exit(1);
	}
	struct job job = jobs.list[0];
	fabric_jobs_free(&jobs);
	return job;
}

/* Processor time of htsim for the same permutation. */
static double run_htsim(const char *program)
{
	char log[] = "/tmp/bench_sim.XXXXXX";
	struct rusage usage;
	int status, file = mkstemp(log);
	pid_t child = file < 0 ? -1 : fork();

	if (child < 0)
		die("a process");
	close(file);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, 1);
		dup2(null, 2);
		execl(program, program, "-o", log, "-strat", "perm", "-conns", "128", "-nodes", "128",
			"-cwnd", "23", "-q", "8", (char *)NULL);
		_exit(127);
	}
	if (wait4(child, &status, 0, &usage) < 0)
		die("wait");
	unlink(log);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return -1;
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static void bench_permutation(const char *htsim)
{
	double best = 0, theirs = 0, links = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct job job = run(PERMUTATION);
		links = job.outcome.values[MEASURE_MLINKS];
		best = best == 0 || job.seconds < best ? job.seconds : best;
		double seconds = htsim ? run_htsim(htsim) : -1;
		if (seconds > 0 && (theirs == 0 || seconds < theirs))
			theirs = seconds;
	}
	printf("128 hosts, NDP permutation, 200 ms   %7.2f s   %6.2f million packet-links/s\n", best,
		links / best);
	if (htsim && theirs == 0)
		printf("htsim: %s does not run\n", htsim);
	else if (htsim)
		printf("htsim, the same                      %7.2f s   %6.2f million packet-links/s, %.1f times as long\n",
			theirs, links / theirs, theirs / best);
}

static void bench_scenario(const char *what, const char *text)
{
	struct job job = run(text);

	printf("%-36s %7.2f s   %6.2f million packet-links/s\n", what, job.seconds,
		job.outcome.values[MEASURE_MLINKS] / job.seconds);
}

static void bench_memory(const char *what, const char *text, uint64_t least, unsigned hosts)
{
	struct job job = run(text);
	uint64_t more = job.memory > least ? job.memory - least : 0;

	printf("%-36s %7.2f s   %6.1f MB   %6.1f KB a host\n", what, job.seconds, (double)more / 1e6,
		(double)more / 1e3 / hosts);
}

int main(int argc, char **argv)
{
	bench_permutation(argc > 1 ? argv[1] : NULL);
	bench_scenario("the same, TCP", PERMUTATION " transport=tcp");
	bench_scenario("the same, TCP with packet spraying", PERMUTATION " transport=tcp-spray");
	bench_scenario("the same, DCTCP", PERMUTATION " transport=dctcp");
	bench_scenario("the same, MPTCP uncoupled", PERMUTATION " transport=mptcp-uncoupled");
	bench_scenario("the same, MPTCP with LIA", PERMUTATION " transport=mptcp-lia");
	bench_scenario("the same, MPTCP with OLIA", PERMUTATION " transport=mptcp-olia");
	bench_scenario("432 hosts, NDP permutation, 200 ms", PERMUTATION " hosts=432");
	uint64_t least = run("incast:1 hosts=16 size=9KB").memory;
	bench_memory("1,024 hosts, NDP permutation, 5 ms", PERMUTATION " hosts=1024 length=5ms measure=1ms",
		least, 1024);
	bench_memory("8,192 hosts, NDP permutation, 1 ms", PERMUTATION " hosts=8192 length=1ms measure=500us",
		least, 8192);
	bench_memory("8,192 hosts, incast of 8,000", "incast:8000 hosts=8192 size=270KB", least, 8192);
	return 0;
}
