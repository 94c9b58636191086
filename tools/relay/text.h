/*
 * text.h
 *		Words on their way: into JSON, into Slack's text, into the log; and the time.
 */
#ifndef RELAY_TEXT_H
#define RELAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Never returns NULL: a relay without memory ends, and its alerts are another's a minute later. */
extern void *need(void *memory);

/* One line on standard error. Nothing secret is ever given to it: no URL, no payload, no body. */
extern void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, but a line that repeats the one before only once a minute. */
extern void say_once(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A JSON string, with its quotes. */
extern void write_json(FILE *to, const char *words);

/* Words that are data, as Slack wants them: & < > escaped. */
extern void write_slack(FILE *to, const char *words);

/* -1: it is none. */
extern int hex_digit(char c);

/* Milliseconds of a clock that only goes forward. */
extern int64_t now_ms(void);

/* Doubled so many times, but at most so many milliseconds. */
extern int64_t doubled(int64_t milliseconds, int times, int64_t most);

/* So many milliseconds and up to a fifth more, so that not all come back at once. */
extern int64_t jittered(int64_t milliseconds);

#endif
