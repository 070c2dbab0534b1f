/* CSV: see the header. */
#include "harness/report/csv.h"
#include <math.h>
#include <string.h>

void csv_number(FILE *out, double value)
{
	if (isnan(value))
		fputc(',', out);
	else
		fprintf(out, fabs(value) >= 1e6 ? ",%.0f" : ",%.6g", value);
}

void csv_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', out);
}
