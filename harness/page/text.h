/* Text: what comes from files, on its way to where some characters mean more than themselves: a page, a line of CSV, a
 * terminal, JSON. Bytes that are not UTF-8 and control characters never get through. */
#ifndef LIQUIDNET_TEXT_H
#define LIQUIDNET_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Writes a text so that it is nothing but text in HTML, in an element and in a quoted attribute: markup characters as
 * entities, control characters but tab and newline as blanks, bytes that are not UTF-8 as U+FFFD. */
void text_html(FILE *out, const char *text);

/* A field of a line of CSV (RFC 4180): in quotes where it needs them; control characters as blanks. A text that a
 * spreadsheet would take for a formula, since it begins with = + - or @, gets an apostrophe before it. */
void text_csv(FILE *out, const char *text);
/* A comma, then the number with so many digits, never as 1e+06; nothing for NAN. */
void text_csv_number(FILE *out, double value, int digits);

/* For a terminal, and for Markdown: control characters (C0, C1, DEL) and bytes that are not UTF-8 as \xHH, tab and
 * newline as a blank. The caller frees it; NULL: out of memory. */
char *text_plain(const char *text);

/* A JSON string; bytes that are not UTF-8 are U+FFFD. JSON's null for NULL. */
json_t *text_json(const char *text);
/* A JSON number; null for what is not finite. */
json_t *text_json_number(double value);

#endif
