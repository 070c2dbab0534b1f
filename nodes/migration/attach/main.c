/* liquidnet-attach: a node that moves as a machine would. Its programs run in a cgroup; at a move they are frozen and the cable is pulled, for as long as
 * formulas 3.1 and 3.2 (Trilogy2 D1.1, section 3.1) say of its memory; then the cable of the other network is plugged in, they go on, and take
 * the address there. Nothing is copied, and the kernel, which is the host's, does not stand still: README.md says what that leaves out. */
#include "lib/base/clock.h"
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/net/rtnl.h"
#include "nodes/migration/attach/group.h"
#include "nodes/migration/attach/options.h"
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GRACE_NS (2 * NS_PER_S) /* for programs to end when they are asked to */

struct machine {
	struct attach_options options;
	struct group group;
	struct mptcp_pm *pm; /* NULL: endpoints are not ours */
	struct process programs[MACHINE_PROGRAMS];
	unsigned running;
	int signals;
	bool told, failed;  /* to end; a program ended badly */
	unsigned place;     /* where it is */
	bool placed;        /* it has changed links and addresses */
	int64_t began, end; /* of its life; INT64_MAX: no end but its programs' */
	json_t *moves;
};

/* ---- waiting */

static void reap(struct machine *m, struct process *program)
{
	process_wait(program, INT64_MAX);
	m->running--;
	m->failed |= program->status != 0;
}

/* Until then, or until its life is over, every program has ended, or somebody asks us to end: false. */
static bool wait_until(struct machine *m, int64_t time)
{
	int64_t deadline = time < m->end ? time : m->end, left;
	while (m->running && !m->told && (left = deadline - clock_now_ns()) > 0) {
		struct pollfd fds[MACHINE_PROGRAMS + 1] = {{.fd = m->signals, .events = POLLIN}};
		struct timespec timeout = {left / NS_PER_S, left % NS_PER_S};
		for (unsigned i = 0; i < m->options.program_count; i++)
			fds[i + 1] = (struct pollfd){.fd = m->programs[i].pidfd, .events = POLLIN};
		if (ppoll(fds, m->options.program_count + 1, deadline == INT64_MAX ? NULL : &timeout, NULL) <=
			0)
			continue;
		struct signalfd_siginfo signal;
		m->told |= fds[0].revents && read(m->signals, &signal, sizeof signal) > 0;
		for (unsigned i = 0; i < m->options.program_count; i++)
			if (fds[i + 1].revents)
				reap(m, &m->programs[i]);
	}
	m->told |= clock_now_ns() >= m->end;
	return m->running && !m->told;
}

/* ---- places */

static uint8_t id_of(unsigned place)
{
	return (uint8_t)(place + 1);
}

static int set_link(const struct site *place, bool up, char **error)
{
	return rtnl_set_up(place->ifindex, up) == 0
		       ? 0
		       : error_set(error, "place %s: setting %s %s: %s", place->name, place->interface,
				 up ? "up" : "down", strerror(errno));
}

/* At the first place, and nowhere else. */
static int settle(struct machine *m, char **error)
{
	struct attach_options *o = &m->options;
	for (unsigned i = 0; i < o->place_count; i++)
		if (site_find(&o->places[i], error) < 0)
			return -1;
	m->placed = true;
	for (unsigned i = 1; i < o->place_count; i++) {
		const struct site *p = &o->places[i];
		if (rtnl_set_address(p->ifindex, p->address, p->prefix, false) < 0 && errno != EADDRNOTAVAIL)
			return error_set(
				error, "place %s: removing the address: %s", p->name, strerror(errno));
		if (set_link(p, false, error) < 0)
			return -1;
	}
	return set_link(&o->places[0], true, error) < 0
		       ? -1
		       : site_renumber(m->pm, o->endpoints, NULL, 0, &o->places[0], id_of(0), error);
}

/* As a node is that has all its links. What cannot be put back is told, and the rest is. */
static void put_back(struct machine *m)
{
	const struct attach_options *o = &m->options;
	for (unsigned i = o->place_count; m->placed && i-- > 0;) {
		const struct site *p = &o->places[i];
		char *error = NULL;
		if (m->pm)
			mptcp_pm_endpoint_remove(m->pm, id_of(i), NULL);
		/* The first comes last: the default route is through it. */
		if (set_link(p, true, &error) < 0 ||
			site_renumber(NULL, ENDPOINTS_NONE, NULL, 0, p, 0, &error) < 0)
			fprintf(stderr, "liquidnet-attach: %s\n", error);
		free(error);
	}
}

/* ---- a move */

static double ms(int64_t from, int64_t to)
{
	return (double)(to - from) / NS_PER_MS;
}

struct times {
	int64_t began, stopped, gone_on, renumbered;
};

static void tell(struct machine *m, const struct attach_move *move, const struct times *t, int64_t end)
{
	const struct copy_plan *plan = &m->options.plan;
	bool stopped = t->stopped != 0;
	json_array_append_new(m->moves,
		json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:f}", "to",
			m->options.places[move->to].name, "outcome", copy_outcome_names[plan->outcome],
			"began_s", (double)(t->began - m->began) / NS_PER_S, "copied_ms",
			ms(t->began, stopped ? t->stopped : end), "stopped_ms",
			stopped ? ms(t->stopped, t->gone_on) : 0, "renumbered_ms",
			stopped ? ms(t->gone_on, t->renumbered) : 0, "total_ms", ms(t->began, end),
			"planned_stopped_ms", plan->downtime_s * 1e3, "planned_total_ms", plan->total_s * 1e3,
			"rounds", (int)plan->rounds, "megabytes", plan->bytes / 1e6));
}

/* The machine stands still, and its cable is in nobody's hand. */
static int stop(struct machine *m, const struct site *from, struct times *t, char **error)
{
	t->stopped = clock_now_ns();
	return group_freeze(&m->group, true, error) < 0 ? -1 : set_link(from, false, error);
}

/* 0: done, or not to be done to its end; -1 with *error. */
static int move_to(struct machine *m, const struct attach_move *move, char **error)
{
	const struct attach_options *o = &m->options;
	const struct copy_plan *plan = &o->plan;
	const struct site *from = &o->places[m->place], *to = &o->places[move->to];
	unsigned old = m->place;
	struct times t = {.began = clock_now_ns()};
	double copied_s = plan->total_s - plan->downtime_s - plan->behind_s;
	int64_t stop_at = t.began + (int64_t)(copied_s * NS_PER_S);
	int64_t on_at = stop_at + (int64_t)(plan->downtime_s * NS_PER_S);

	if (!wait_until(m, stop_at))
		return 0;
	if (plan->outcome == COPY_CANCELLED) {
		tell(m, move, &t, clock_now_ns());
		return 0;
	}
	if (stop(m, from, &t, error) < 0 || (wait_until(m, on_at), set_link(to, true, error) < 0) ||
		group_freeze(&m->group, false, error) < 0)
		return -1;
	t.gone_on = clock_now_ns();
	m->place = move->to;
	if (o->notice_ns && !wait_until(m, t.gone_on + o->notice_ns))
		return 0;
	if (site_renumber(m->pm, o->endpoints, from, id_of(old), to, id_of(move->to), error) < 0)
		return -1;
	t.renumbered = clock_now_ns();
	/* Post-copy: the old host is needed until its last page has left. */
	wait_until(m, on_at + (int64_t)(plan->behind_s * NS_PER_S));
	tell(m, move, &t, plan->behind_s > 0 ? clock_now_ns() : t.gone_on);
	return 0;
}

/* ---- a life */

static int start_programs(struct machine *m, char **error)
{
	const struct attach_options *o = &m->options;
	struct process_options options = PROCESS_OPTIONS;
	options.cgroup = m->group.folder;
	options.die_with_parent = true;
	options.stdin_fd = STDIN_FILENO;
	for (unsigned i = 0; i < o->program_count; i++) {
		options.argv = (const char *const *)o->programs[i];
		if (process_start(&m->programs[i], &options, error) < 0)
			return -1;
		m->running++;
	}
	return 0;
}

static void end_programs(struct machine *m)
{
	m->told = false;
	m->end = INT64_MAX;
	group_freeze(&m->group, false, NULL);
	for (unsigned i = 0; i < m->options.program_count; i++)
		if (m->programs[i].pid)
			kill(m->programs[i].pid, SIGTERM);
	wait_until(m, clock_now_ns() + GRACE_NS);
	group_close(&m->group);
	for (unsigned i = 0; i < m->options.program_count; i++)
		if (m->programs[i].pid)
			process_stop(&m->programs[i], 0);
}

static int prepare(struct machine *m, char **error)
{
	/* The programs have begun: nothing is executed any more. */
	static const struct confinement rights = {.keep = CONFINE(CAP_NET_ADMIN)};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signals < 0)
		return error_set(error, "signalfd: %s", strerror(errno));
	if (m->options.endpoints != ENDPOINTS_NONE && !(m->pm = mptcp_pm_open(error)))
		return -1;
	if (group_open(&m->group, error) < 0 || settle(m, error) < 0)
		return -1;
	m->began = clock_now_ns();
	m->end = m->options.for_ns < INT64_MAX - m->began ? m->began + m->options.for_ns : INT64_MAX;
	return start_programs(m, error) < 0 ? -1 : confine(&rights, error);
}

static int live(struct machine *m, char **error)
{
	for (unsigned i = 0; i < m->options.move_count; i++) {
		if (!wait_until(m, m->began + m->options.moves[i].at_ns))
			return 0;
		if (move_to(m, &m->options.moves[i], error) < 0)
			return -1;
	}
	wait_until(m, INT64_MAX);
	return 0;
}

int main(int argc, char **argv)
{
	struct machine m = {.group = GROUP_NONE, .signals = -1, .end = INT64_MAX};
	char *error = NULL;
	int status = attach_read_options(&m.options, argc, argv);
	if (status != OPTIONS_GO_ON)
		return status;
	for (unsigned i = 0; i < MACHINE_PROGRAMS; i++)
		m.programs[i] = PROCESS_NONE;
	m.moves = json_array();
	status = prepare(&m, &error) < 0 || live(&m, &error) < 0 ? 1 : 0;
	bool told = m.told;
	end_programs(&m);
	put_back(&m);
	if (error)
		fprintf(stderr, "liquidnet-attach: %s\n", error);
	else if (m.failed && !told) {
		fputs("liquidnet-attach: a program ended badly\n", stderr);
		status = 1;
	}
	json_t *out = json_pack("{s:O}", "moves", m.moves);
	json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(out);
	json_decref(m.moves);
	mptcp_pm_close(m.pm);
	free(error);
	return status;
}
