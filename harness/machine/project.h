/* Project: where the files of this installation are. */
#ifndef LIQUIDNET_PROJECT_H
#define LIQUIDNET_PROJECT_H

/* The folder that holds experiments/, topologies/ and data/: $LIQUIDNET_ROOT, else the tree this program was
 * built in, else PREFIX/share/liquidnet beside the program. Never NULL; does not end with a slash. */
const char *project_root(void);
/* The folder of this program and of the daemons. */
const char *project_programs(void);

#endif
