/* CSV: fields of a line, as RFC 4180 has them. A missing number is an empty field. */
#ifndef LIQUIDNET_CSV_H
#define LIQUIDNET_CSV_H

#include <stdio.h>

/* A comma, then the number with six digits, never as 1e+06; nothing for NAN. */
void csv_number(FILE *out, double value);
/* The text alone, in quotes where it needs them. */
void csv_text(FILE *out, const char *text);

#endif
