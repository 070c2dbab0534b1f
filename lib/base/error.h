/* Errors are values: a function that can fail for a reason worth telling takes `char **error`, returns a
 * negative number (or NULL) and leaves one line there: what failed, on which input, what to do. The caller
 * adds its context or prints it once, at the edge, and frees it. */
#ifndef LIQUIDNET_ERROR_H
#define LIQUIDNET_ERROR_H

/* Replaces *error by a new allocated line (error may be NULL: nothing is kept); control characters in it
 * become blanks. Always returns -1. */
int error_set(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " before the line in *error. Always returns -1. */
int error_prefix(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
