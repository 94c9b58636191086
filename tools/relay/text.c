#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void *
need(void *memory)
{
	if (memory == NULL)
	{
		static const char words[] = "pql-relay: out of memory\n";

		if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
			_exit(2);
		_exit(1);
	}
	return memory;
}

/* In one write, so that lines of threads do not mix; and on one line, whatever is in it. */
static void
say_line(char *line)
{
	for (char *c = line; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	fprintf(stderr, "pql-relay: %s\n", line);
}

void
say(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say_line(line);
}

void
say_once(const char *format, ...)
{
	static char last[1024];
	static int64_t said_at;
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (strcmp(line, last) == 0 && now_ms() - said_at < 60000)
		return;
	memcpy(last, line, sizeof(last));
	said_at = now_ms();
	say_line(line);
}

void
write_json(FILE *to, const char *words)
{
	fputc('"', to);
	for (const unsigned char *c = (const unsigned char *) words; *c != '\0'; c++)
	{
		if (*c == '"' || *c == '\\')
			fprintf(to, "\\%c", *c);
		else if (*c < ' ' || *c == 0x7f)
			fprintf(to, "\\u%04x", *c);
		else
			fputc(*c, to);
	}
	fputc('"', to);
}

void
write_slack(FILE *to, const char *words)
{
	for (const char *c = words; *c != '\0'; c++)
	{
		if (*c == '&')
			fputs("&amp;", to);
		else if (*c == '<')
			fputs("&lt;", to);
		else if (*c == '>')
			fputs("&gt;", to);
		else
			fputc(*c, to);
	}
}

int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
doubled(int64_t milliseconds, int times, int64_t most)
{
	while (times-- > 0 && milliseconds < most)
		milliseconds *= 2;
	return milliseconds < most ? milliseconds : most;
}

int64_t
jittered(int64_t milliseconds)
{
	return milliseconds + milliseconds * (random() % 1000) / 5000;
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
