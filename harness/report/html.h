/* HTML: texts that come from files, on their way into a page. */
#ifndef LIQUIDNET_HTML_H
#define LIQUIDNET_HTML_H

#include <stdio.h>

/* Writes a text so that it is nothing but text, in an element and in a quoted attribute: markup characters as
 * entities, control characters but tab and newline as blanks, bytes that are not UTF-8 as U+FFFD. */
void html_text(FILE *out, const char *text);
/* The same for a formatted text; of more than 4095 bytes the rest is cut off. */
void html_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
