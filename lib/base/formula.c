/* Formulas: a parser by recursive descent into a list of steps for a stack. */
#include "lib/base/formula.h"

#include "lib/base/error.h"
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* of the stack, and of parentheses */

enum step_kind { NUMBER, NAME, NEGATE, ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, CALL };

struct step {
	enum step_kind kind;
	double number;
	size_t name;      /* index of names */
	size_t function;  /* index of functions */
	size_t arguments; /* of a call */
};

struct formula {
	struct step *steps;
	size_t steps_count;
	const char **names;
	size_t names_count;
};

struct parser {
	struct pool *pool;
	struct formula *formula;
	const char *at;
	int depth;
	size_t held; /* numbers on the stack after the steps so far */
	char **error;
};

static double least(const double *x, size_t n)
{
	double result = x[0];
	for (size_t i = 1; i < n; i++)
		result = x[i] < result || isnan(x[i]) ? x[i] : result;
	return result;
}

static double most(const double *x, size_t n)
{
	double result = x[0];
	for (size_t i = 1; i < n; i++)
		result = x[i] > result || isnan(x[i]) ? x[i] : result;
	return result;
}

static double absolute(const double *x, size_t n)
{
	(void)n;
	return fabs(x[0]);
}

static double root(const double *x, size_t n)
{
	(void)n;
	return sqrt(x[0]);
}

static double natural(const double *x, size_t n)
{
	(void)n;
	return log(x[0]);
}

static double decimal(const double *x, size_t n)
{
	(void)n;
	return log10(x[0]);
}

static double exponential(const double *x, size_t n)
{
	(void)n;
	return exp(x[0]);
}

/* How much of several paths is used, from -1 to 1: 0 is what the best one could carry alone, 1 what all could. D. Kaspar,
 * thesis, Oslo 2011; Trilogy2 D1.1, section 2.1.1.3.1. x: the goodput, then each path's capacity. */
static double benefit(const double *x, size_t n)
{
	double best = most(x + 1, n - 1), sum = 0;
	for (size_t i = 1; i < n; i++)
		sum += x[i];
	if (x[0] < best)
		return best > 0 ? (x[0] - best) / best : NAN;
	return sum > best ? (x[0] - best) / (sum - best) : NAN;
}

static const struct {
	const char *name;
	size_t least; /* how many arguments it takes at least */
	bool many;    /* and any number of more */
	double (*value)(const double *arguments, size_t count);
} functions[] = {{"min", 1, true, least}, {"max", 1, true, most}, {"abs", 1, false, absolute},
	{"sqrt", 1, false, root}, {"log", 1, false, natural}, {"log10", 1, false, decimal},
	{"exp", 1, false, exponential}, {"benefit", 2, true, benefit}};

static int fail(struct parser *p, const char *what)
{
	return *p->error ? -1 : error_set(p->error, "at `%s`: %s", p->at, what);
}

/* `change`: how many numbers the step leaves on the stack more than it takes. */
static int emit(struct parser *p, struct step step, int change)
{
	struct formula *f = p->formula;
	f->steps = pool_grow(p->pool, f->steps, f->steps_count, f->steps_count + 1, sizeof *f->steps);
	f->steps[f->steps_count++] = step;
	p->held = (size_t)((int)p->held + change);
	return p->held > DEPTH_MAX ? fail(p, "the formula is too deep") : 0;
}

static void skip(struct parser *p)
{
	p->at += strspn(p->at, " \t\n");
}

static bool accept(struct parser *p, char c)
{
	skip(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static size_t name_index(struct parser *p, const char *name)
{
	struct formula *f = p->formula;
	for (size_t i = 0; i < f->names_count; i++)
		if (strcmp(f->names[i], name) == 0)
			return i;
	f->names = pool_grow(p->pool, f->names, f->names_count, f->names_count + 1, sizeof *f->names);
	f->names[f->names_count] = name;
	return f->names_count++;
}

static int sum(struct parser *p);

static int call(struct parser *p, size_t function)
{
	size_t arguments = 0;
	do {
		if (sum(p) < 0)
			return -1;
		arguments++;
	} while (accept(p, ','));
	if (!accept(p, ')'))
		return fail(p, "a `)` is missing");
	if (arguments < functions[function].least ||
		(arguments > functions[function].least && !functions[function].many))
		return fail(p, functions[function].many ? "the function before this takes more arguments"
							: "the function before this takes one argument");
	return emit(p, (struct step){.kind = CALL, .function = function, .arguments = arguments},
		1 - (int)arguments);
}

static int word(struct parser *p)
{
	size_t length = 0;
	while (isalnum((unsigned char)p->at[length]) || (p->at[length] && strchr("_.-", p->at[length])))
		length++;
	char *name = pool_printf(p->pool, "%.*s", (int)length, p->at);
	const char *began = p->at;
	p->at += length;
	if (!accept(p, '('))
		return emit(p, (struct step){.kind = NAME, .name = name_index(p, name)}, 1);
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (strcmp(functions[i].name, name) == 0)
			return call(p, i);
	p->at = began;
	return fail(p, "no such function; there are min, max, abs, sqrt, log, log10, exp and benefit");
}

static int primary(struct parser *p)
{
	char *end;
	skip(p);
	if (accept(p, '(')) {
		if (++p->depth > DEPTH_MAX)
			return fail(p, "the formula is too deep");
		if (sum(p) < 0)
			return -1;
		p->depth--;
		return accept(p, ')') ? 0 : fail(p, "a `)` is missing");
	}
	if (isalpha((unsigned char)*p->at) || *p->at == '_')
		return word(p);
	if (!isdigit((unsigned char)*p->at) && *p->at != '.')
		return fail(
			p, *p->at ? "a number, a name or `(` is wanted here" : "the formula ends too early");
	double number = strtod(p->at, &end);
	if (end == p->at || !isfinite(number))
		return fail(p, "that is no number");
	p->at = end;
	return emit(p, (struct step){.kind = NUMBER, .number = number}, 1);
}

/* -x^y is -(x^y); powers bind to the right. */
static int unary(struct parser *p)
{
	if (++p->depth > DEPTH_MAX)
		return fail(p, "the formula is too deep");
	int result;
	if (accept(p, '-')) {
		result = unary(p) < 0 ? -1 : emit(p, (struct step){.kind = NEGATE}, 0);
	} else {
		result = primary(p);
		if (result == 0 && accept(p, '^'))
			result = unary(p) < 0 ? -1 : emit(p, (struct step){.kind = POWER}, -1);
	}
	p->depth--;
	return result;
}

static int product(struct parser *p)
{
	if (unary(p) < 0)
		return -1;
	for (;;) {
		enum step_kind kind;
		if (accept(p, '*'))
			kind = MULTIPLY;
		else if (accept(p, '/'))
			kind = DIVIDE;
		else
			return 0;
		if (unary(p) < 0 || emit(p, (struct step){.kind = kind}, -1) < 0)
			return -1;
	}
}

static int sum(struct parser *p)
{
	if (product(p) < 0)
		return -1;
	for (;;) {
		enum step_kind kind;
		if (accept(p, '+'))
			kind = ADD;
		else if (accept(p, '-'))
			kind = SUBTRACT;
		else
			return 0;
		if (product(p) < 0 || emit(p, (struct step){.kind = kind}, -1) < 0)
			return -1;
	}
}

const struct formula *formula_parse(struct pool *pool, const char *text, char **error)
{
	char *reason = NULL;
	struct parser p = {.pool = pool, .formula = pool_alloc(pool, 1, sizeof(struct formula)), .at = text};
	p.error = &reason;
	int result = sum(&p);
	skip(&p);
	if (result == 0 && *p.at)
		result = fail(&p, "nothing is expected here");
	if (result == 0)
		return p.formula;
	error_set(error, "%s", reason);
	free(reason);
	return NULL;
}

size_t formula_names(const struct formula *formula, const char *const **names)
{
	*names = formula->names;
	return formula->names_count;
}

static double apply(enum step_kind kind, double a, double b)
{
	switch (kind) {
	case ADD:
		return a + b;
	case SUBTRACT:
		return a - b;
	case MULTIPLY:
		return a * b;
	case DIVIDE:
		return b != 0 ? a / b : NAN;
	default:
		return pow(a, b);
	}
}

double formula_value(
	const struct formula *f, double (*lookup)(void *context, const char *name), void *context)
{
	double stack[DEPTH_MAX + 1];
	size_t n = 0;
	for (size_t i = 0; i < f->steps_count; i++) {
		const struct step *s = &f->steps[i];
		switch (s->kind) {
		case NUMBER:
			stack[n++] = s->number;
			break;
		case NAME:
			stack[n++] = lookup(context, f->names[s->name]);
			break;
		case NEGATE:
			stack[n - 1] = -stack[n - 1];
			break;
		case CALL:
			n -= s->arguments;
			stack[n] = functions[s->function].value(&stack[n], s->arguments);
			n++;
			break;
		default:
			n--;
			stack[n - 1] = apply(s->kind, stack[n - 1], stack[n]);
		}
	}
	return isfinite(stack[0]) ? stack[0] : NAN;
}
