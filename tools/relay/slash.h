/*
 * slash.h
 *		The slash command: a form in, a claim, and words for the person out.
 */
#ifndef RELAY_SLASH_H
#define RELAY_SLASH_H

#include <stddef.h>

/*
 * The value of a field of application/x-www-form-urlencoded, decoded, to be freed; the first where
 * it is there more than once. NULL: there is none, or it holds what is no text (a bad %, a NUL).
 */
extern char *form_value(const char *body, size_t length, const char *name);

/*
 * The JSON with which Slack is answered, to be freed. NULL: the body is no slash command. Done in
 * less than the three seconds that Slack waits.
 */
extern char *slash_answer(const char *conninfo, const char *body, size_t length);

#endif
