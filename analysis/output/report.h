/* Report: what is said of a pass, as fields with a name and a value. JSON, CSV, tables and pages are made of the same
 * fields, so none can say what another does not. */
#ifndef LIQUIDNET_ANALYSIS_REPORT_H
#define LIQUIDNET_ANALYSIS_REPORT_H

#include "analysis/output/emit.h"
#include "analysis/pass.h"

/* Packets of several interfaces are a little out of order; a clock that went back is worth a remark from here on. */
#define CLOCK_BACK_REMARKED_NS ((int64_t)1000000)

/* What a field is of. */
struct subject {
	const struct pass *pass;
	const struct connection *connection; /* NULL: plain TCP without data */
	const struct flow *flow;
	const struct flow_direction *from, *peer;
	const struct data_direction *data;
	const struct delays *delays;
	uint32_t index;     /* of the connection */
	unsigned side;      /* of the flow's directions, from */
	uint64_t unique[2]; /* of the connection's subflows together, a direction of the connection */
	char text[80];      /* for values that are made */
};

struct field {
	const char *name;
	struct value (*get)(struct subject *subject);
	bool mptcp_only;
};

extern const struct field file_fields[], connection_fields[], subflow_fields[], direction_fields[],
	data_fields[], delay_fields[];

/* A field by its name; NULL: none. */
const struct field *field_find(const struct field *fields, const char *name);
void fields_emit(struct emitter *emitter, const struct field *fields, struct subject *subject);

/* Sets what follows from the others: a connection with its subflows' sums; a subflow; one of its directions, as the
 * connection counts them. */
void subject_connection(struct subject *subject, const struct pass_connection *connection, uint32_t index);
void subject_subflow(struct subject *subject, const struct flow *flow);
void subject_direction(struct subject *subject, unsigned direction);
uint32_t subject_subflows(const struct subject *subject);
const struct flow *subject_subflow_at(const struct subject *subject, uint32_t i);

/* {"path": ..., "connections": [...]}: the whole file. */
void report_file(struct emitter *emitter, const struct pass *pass);
/* Only one connection of it. */
bool report_wants(const struct pass *pass, uint32_t index);

/* Names of numbers. */
const char *fallback_name(enum fallback fallback);
const char *event_name(const struct event *event);
const char *reset_reason_name(uint8_t reason);

/* print.c, csv.c: for people; a line a subflow and direction. */
void print_file(struct emitter *emitter, const struct pass *pass);
void csv_header(struct emitter *emitter);
void csv_file(struct emitter *emitter, const struct pass *pass);

/* For whoever prints only some fields: the value by name (of VALUE_NULL when there is none). */
struct value field_value(struct subject *subject, const struct field *fields, const char *name);

/* plot.c: keeps the largest connections of a pass. */
void figures_collect(struct analysis_figures *figures, const struct pass *pass);
bool figures_any(const struct analysis_figures *figures);

#endif
