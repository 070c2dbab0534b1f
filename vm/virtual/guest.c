/* Process 1 of the guest. Its root is the host's, read only; over it lies a file system in memory that takes what is written, so that
 * everything can be and nothing lasts, but for the folders that the starter named. It runs the command, says how that ended, and powers off. */
#include "vm/virtual/virtual.h"
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH "/run"
#define JOB "/run/liquidnet-job"

static int state_fd = -1;

/* To the starter: a line in its file. */
static void say(const char *word, int value)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %d\n", word, value);
	if (state_fd < 0 || write(state_fd, line, (size_t)n) != n)
		fprintf(stderr, "guest: %s", line);
}

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The guest cannot go on: its console says why, and the starter shows that. */
static void give_up(const char *what, const char *which)
{
	fprintf(stderr, "guest: %s %s: %s\n", what, which, strerror(errno));
	power_off();
}

static void make_folder(const char *path)
{
	char part[4096];
	for (const char *slash = path; slash;) {
		slash = strchr(slash + 1, '/');
		size_t length = slash ? (size_t)(slash - path) : strlen(path);
		if (length >= sizeof(part))
			return;
		memcpy(part, path, length);
		part[length] = 0;
		mkdir(part, 0755);
	}
}

static void mount_on(
	const char *type, const char *source, const char *target, unsigned long flags, const char *data)
{
	if (mount(source, target, type, flags, data) < 0)
		give_up("cannot mount", target);
}

/* Its own, kernel's ones: what every Linux system has. */
static void mount_usual(void)
{
	static const struct {
		const char *type, *target, *data;
	} usual[] = {
		{"proc", "/proc", NULL},
		{"sysfs", "/sys", NULL},
		{"devtmpfs", "/dev", NULL},
		{"devpts", "/dev/pts", "ptmxmode=0666,mode=0620,gid=5"},
		{"tmpfs", "/dev/shm", NULL},
		{"mqueue", "/dev/mqueue", NULL},
		{"cgroup2", "/sys/fs/cgroup", NULL},
		{"bpf", "/sys/fs/bpf", NULL},
	};
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		if (!strncmp(usual[i].target, "/dev/", 5))
			mkdir(usual[i].target, 0755);
		mount_on(usual[i].type, usual[i].type, usual[i].target, 0, usual[i].data);
	}
	mkdir("/dev/net", 0755);
	mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
	if (symlink("/proc/self/fd", "/dev/fd") < 0 || symlink("/proc/self/fd/0", "/dev/stdin") < 0 ||
		symlink("/proc/self/fd/1", "/dev/stdout") < 0 ||
		symlink("/proc/self/fd/2", "/dev/stderr") < 0)
		give_up("cannot link in", "/dev");
}

/* The host's root below, memory above: the new root. */
static void change_root(const struct virtual_job *job)
{
	mkdir(SCRATCH "/upper", 0755);
	mkdir(SCRATCH "/work", 0755);
	mkdir(SCRATCH "/root", 0755);
	mount_on("overlay", "overlay", SCRATCH "/root", 0,
		"lowerdir=/,upperdir=" SCRATCH "/upper,workdir=" SCRATCH "/work");
	if (chdir(SCRATCH "/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
		chdir("/") < 0)
		give_up("cannot change to", "the new root");
	mount_on("tmpfs", "tmpfs", "/run", 0, "mode=755");
	mkdir("/run/lock", 0777);
	mkdir("/run/netns", 0755);
	mount_usual();
	for (char **out = job->outs; *out; out++) {
		make_folder(*out);
		mount_on("hostfs", "none", *out, 0, *out);
	}
}

static void loopback_up(void)
{
	struct ifreq lo = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		give_up("no interface", "lo");
	lo.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		give_up("cannot set up", "lo");
	close(fd);
}

static void become_command(const struct virtual_job *job, int output, int errors)
{
	int input = job->interactive ? open("/dev/tty0", O_RDWR) : open("/dev/null", O_RDONLY);
	setsid();
	if (job->interactive)
		ioctl(input, TIOCSCTTY, 0);
	dup2(input, 0);
	dup2(job->interactive ? input : output, 1);
	dup2(job->interactive ? input : errors, 2);
	if (input > 2)
		close(input);
	if (chdir(job->directory) < 0) {
		fprintf(stderr, "liquidnet-virtual: no folder %s in the guest\n", job->directory);
		_exit(126);
	}
	environ = job->environment;
	execvp(job->command[0], job->command);
	fprintf(stderr, "liquidnet-virtual: cannot run %s: %s\n", job->command[0], strerror(errno));
	_exit(127);
}

void virtual_guest(void)
{
	struct virtual_job job;
	mount_on("tmpfs", "tmpfs", SCRATCH, 0, "mode=755");
	mkdir(JOB, 0755);
	mount_on("hostfs", "none", JOB, 0, VIRTUAL_JOB);
	if (virtual_job_read(JOB "/job", &job) < 0)
		give_up("no job in", VIRTUAL_JOB);
	/* Opened now: the new root does not have them. */
	state_fd = open(JOB "/state", O_WRONLY | O_APPEND | O_CLOEXEC);
	int output = open(JOB "/stdout", O_WRONLY | O_APPEND | O_CLOEXEC);
	int errors = open(JOB "/stderr", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (state_fd < 0 || output < 0 || errors < 0)
		give_up("cannot write in", VIRTUAL_JOB);
	change_root(&job);
	loopback_up();
	if (sethostname("virtual", 7) < 0)
		give_up("cannot set", "the host's name");
	umask(022);
	say("started", 0);
	pid_t command = fork();
	if (!command)
		become_command(&job, output, errors);
	for (;;) {
		int status = 0;
		pid_t ended = wait(&status);
		if (ended != command)
			continue;
		say(WIFSIGNALED(status) ? "signal" : "exited",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		break;
	}
	/* What is left dies now, so that the processor time it took is counted. */
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sync();
	power_off();
	_exit(1);
}
