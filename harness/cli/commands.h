/* Commands: the subcommands of `liquidnet`, one file each. Each takes its own words (argv[0] is its name) and
 * returns the exit status: 0 done, 1 it ran and something failed, 2 bad input (nothing was started). */
#ifndef LIQUIDNET_COMMANDS_H
#define LIQUIDNET_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_rerun(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_collect(int argc, char **argv);
int cmd_design(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_analyze(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_bundle(int argc, char **argv);
int cmd_sim(int argc, char **argv);
int cmd_new(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_open(int argc, char **argv);
int cmd_trial(int argc, char **argv);
/* `doctor --hosts`, doctor_hosts.c; the words are doctor's. */
int doctor_hosts(int argc, char **argv);
int cmd_host(int argc, char **argv);

#endif
