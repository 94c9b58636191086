#include "slash.h"

#include "database.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Slack gives up after 3 s. The server stops first, so that what we call undone is undone. */
#define ANSWER_MS 2600
#define STATEMENT_TIMEOUT "SET statement_timeout = 2000"

/* NULL: no text. */
static char *
decode(const char *from, size_t length)
{
	char *words = need(malloc(length + 1));
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
	{
		char c = from[i];

		if (c == '+')
			c = ' ';
		else if (c == '%')
		{
			int high = i + 2 < length ? hex_digit(from[i + 1]) : -1;
			int low = i + 2 < length ? hex_digit(from[i + 2]) : -1;

			if (high < 0 || low < 0)
				c = '\0';
			else
				c = (char) (high * 16 + low);
			i += 2;
		}
		if (c == '\0')
		{
			free(words);
			return NULL;
		}
		words[n++] = c;
	}
	words[n] = '\0';
	return words;
}

char *
form_value(const char *body, size_t length, const char *name)
{
	const char *end = body + length;

	while (body < end)
	{
		const char *next = memchr(body, '&', (size_t) (end - body));
		const char *stop = next != NULL ? next : end;
		const char *equals = memchr(body, '=', (size_t) (stop - body));

		if (equals != NULL)
		{
			char *key = decode(body, (size_t) (equals - body));
			bool found = key != NULL && strcmp(key, name) == 0;

			free(key);
			if (found)
				return decode(equals + 1, (size_t) (stop - equals - 1));
		}
		body = stop + 1;
	}
	return NULL;
}

/* words are Slack's text already */
static char *
answer(const char *response_type, const char *words)
{
	char *json = NULL;
	size_t size = 0;
	FILE *to = need(open_memstream(&json, &size));

	fprintf(to, "{\"response_type\":\"%s\",\"text\":", response_type);
	write_json(to, words);
	fputc('}', to);
	fclose(to);
	return need(json);
}

static char *
not_now(const char *why)
{
	say("a slash command could not be answered: %s", why);
	return answer("ephemeral", "That did not work just now. Please try again in a minute.");
}

/* What the person can mend is told to them; what is the server's matter goes to the log. */
static char *
refusal(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	static const char *const ours[] = {"08", "40", "53", "54", "57", "58", "XX", "425"};
	char *words = NULL;
	size_t size = 0;
	char *json;
	FILE *to;

	if (state == NULL || message == NULL)
		return not_now("the server gave no reason");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
	{
		if (strncmp(state, ours[i], strlen(ours[i])) == 0)
			return not_now(message);
	}
	to = need(open_memstream(&words, &size));
	write_slack(to, message);
	if (hint != NULL)
	{
		fputc('\n', to);
		write_slack(to, hint);
	}
	fclose(to);
	json = answer("ephemeral", need(words));
	free(words);
	return json;
}

static char *
claim(const char *conninfo, const char *text, const char *user)
{
	const char *values[] = {text, user};
	int64_t deadline = now_ms() + ANSWER_MS;
	char error[500];
	PGconn *conn = database_connect(conninfo, deadline, error, sizeof(error));
	PGresult *result;
	char *json;

	if (conn == NULL)
		return not_now(error);
	PQclear(database_query(conn, STATEMENT_TIMEOUT, 0, NULL, deadline));
	result =
		database_query(conn, "SELECT pql.slack_claim($1::text, $2::text)", 2, values, deadline);
	if (result == NULL)
		json = not_now("the database does not answer");
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
		json = refusal(result);
	else
		json = answer("in_channel", PQgetvalue(result, 0, 0));
	PQclear(result);
	PQfinish(conn);
	return json;
}

char *
slash_answer(const char *conninfo, const char *body, size_t length)
{
	char *text = form_value(body, length, "text");
	char *user = form_value(body, length, "user_id");
	char *json = text != NULL && user != NULL ? claim(conninfo, text, user) : NULL;

	free(text);
	free(user);
	return json;
}
