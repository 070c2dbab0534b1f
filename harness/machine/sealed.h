/* Sealed: a program that others wrote (a topology's Python) and that only has to compute. It sees /usr and the files that it is given,
 * can write nothing but its answer, has no network, no rights and no other user's process, and an end. */
#ifndef LIQUIDNET_SEALED_H
#define LIQUIDNET_SEALED_H

struct sealed {
	const char *const *argv; /* NULL-ended; argv[0] is a path below /usr */
	/* Absolute paths of files, and of folders whose files it sees (not those of folders in them); copies, under the same paths.
	 * NULL-ended. */
	const char *const *files;
	int limit_ms;
};

/* Runs it: as nobody where the caller is root, else as the caller, in namespaces of its own. Where the machine has none for the caller
 * it may read what he may (nobody, for root); the rest holds by a filter of system calls. Returns the exit status, with *output, which
 * the caller frees: all that it said (as process_run). -1 with *error: it could not be run, or not sealed. */
int sealed_run(const struct sealed *sealed, char **output, char **error);

#endif
