/* Worker processes take the next job from a counter that they share, and write what it gave where all can read. */
#include "lib/fabric/jobs.h"
#include "lib/base/error.h"
#include "lib/fabric/run.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* At the head of the shared memory; the jobs follow, then the samples. */
struct shared {
	atomic_uint next;
	uint64_t samples; /* given out so far */
	uint32_t failed;  /* 1: `error` says why */
	char error[512];
	struct job jobs[];
};

static struct shared *shared_of(const struct jobs *jobs)
{
	return (struct shared *)((char *)jobs->list - offsetof(struct shared, jobs));
}

void fabric_jobs_init(struct jobs *jobs, uint32_t count, uint64_t samples)
{
	size_t bytes = sizeof(struct shared) + count * sizeof(struct job) + samples * sizeof(double);
	struct shared *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		abort();
	*jobs = (struct jobs){.list = shared->jobs, .bytes = bytes};
	shared->samples = sizeof(struct shared) + count * sizeof(struct job);
}

void fabric_jobs_add(struct jobs *jobs, const struct scenario *scenario, uint64_t seed, uint32_t sample_room)
{
	struct shared *shared = shared_of(jobs);

	jobs->list[jobs->count++] = (struct job){.scenario = scenario,
		.seed = seed,
		.sample_room = sample_room,
		.samples = sample_room ? (double *)((char *)shared + shared->samples) : NULL};
	shared->samples += sample_room * sizeof(double);
}

void fabric_jobs_free(struct jobs *jobs)
{
	munmap(shared_of(jobs), jobs->bytes);
	*jobs = (struct jobs){0};
}

uint32_t fabric_jobs_workers(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static double processor_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t memory_used(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss * 1024;
}

static int run(struct job *job, char **error)
{
	struct world world;
	double began = processor_time();

	if (fabric_open(&world, job->scenario, job->seed, error) < 0)
		return error_prefix(error, "scenario `%s`", job->scenario->text);
	fabric_run(&world);
	world.transport->count(&world);
	fabric_measure_world(&world, &job->outcome, job->samples, job->sample_room);
	job->seconds = processor_time() - began;
	job->memory = memory_used();
	fabric_close(&world);
	return 0;
}

static void work(struct jobs *jobs)
{
	struct shared *shared = shared_of(jobs);
	uint32_t number;
	char *error = NULL;

	while (!shared->failed && (number = atomic_fetch_add(&shared->next, 1)) < jobs->count) {
		if (run(&jobs->list[number], &error) == 0)
			continue;
		snprintf(shared->error, sizeof shared->error, "%s", error);
		shared->failed = 1;
	}
}

static pid_t start(struct jobs *jobs)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	work(jobs);
	_exit(0);
}

static int await(uint32_t started)
{
	int result = 0, status;

	while (started > 0) {
		pid_t ended = wait(&status);
		if (ended < 0 && errno == EINTR)
			continue;
		if (ended < 0)
			return -1;
		started--;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			result = -1;
	}
	return result;
}

int fabric_jobs_run(struct jobs *jobs, uint32_t workers, char **error)
{
	struct shared *shared = shared_of(jobs);
	uint32_t started = 0;

	fflush(NULL);
	if (workers > jobs->count)
		workers = jobs->count;
	for (; started < workers; started++)
		if (start(jobs) < 0)
			break;
	if (started == 0 && workers > 0)
		return error_set(error, "fork: %s; fewer processes, or more allowed", strerror(errno));
	if (await(started) < 0)
		return error_set(
			error, "a run died: is there memory for %u at a time? --jobs 1 runs one", workers);
	return shared->failed ? error_set(error, "%s", shared->error) : 0;
}
