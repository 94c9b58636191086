#include "settings.h"

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A webhook's URL is sent in clear only where it does not leave the machine. */
static bool
url_ok(const char *url)
{
	static const char *const fine[] = {
		"https://",          "http://127.0.0.1:", "http://127.0.0.1/",
		"http://localhost:", "http://localhost/", "http://[::1]:"};

	for (const char *c = url; *c != '\0'; c++)
	{
		if ((unsigned char) *c <= ' ')
			return false;
	}
	/* http://localhost:x@elsewhere goes elsewhere */
	if (strncmp(url, "http://", 7) == 0 && strchr(url, '@') != NULL)
		return false;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
	{
		if (strncmp(url, fine[i], strlen(fine[i])) == 0 && url[strlen(fine[i])] != '\0')
			return true;
	}
	return false;
}

static void
forget(char **words)
{
	if (*words != NULL)
		explicit_bzero(*words, strlen(*words));
	free(*words);
	*words = NULL;
}

static bool
set_address(Settings *s, const char *channel, const char *url, const char *where)
{
	if (*channel == '\0' || !url_ok(url))
	{
		say("%s: the address of channel \"%s\" must be https://… (http://… only of this machine)",
			where, channel);
		return false;
	}
	for (int i = 0; i < s->num_addresses; i++)
	{
		if (strcmp(s->addresses[i].channel, channel) == 0)
		{
			forget(&s->addresses[i].url);
			s->addresses[i].url = need(strdup(url));
			return true;
		}
	}
	if (s->num_addresses == MAX_CHANNELS)
	{
		say("%s: more than %d channels; run another relay for the others", where, MAX_CHANNELS);
		return false;
	}
	s->addresses[s->num_addresses].channel = need(strdup(channel));
	s->addresses[s->num_addresses++].url = need(strdup(url));
	return true;
}

static bool
set_seconds(int *to, const char *key, const char *value, const char *where)
{
	char *end;
	long seconds;

	errno = 0;
	seconds = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || seconds < 1 || seconds > 3600)
	{
		say("%s: %s must be a number of seconds from 1 to 3600", where, key);
		return false;
	}
	*to = (int) seconds;
	return true;
}

static void
set_text(char **to, const char *value)
{
	forget(to);
	*to = *value != '\0' ? need(strdup(value)) : NULL;
}

static bool
set(Settings *s, const char *key, const char *value, const char *where)
{
	if (strncmp(key, "webhook.", 8) == 0)
		return set_address(s, key + 8, value, where);
	if (strcmp(key, "poll_interval") == 0)
		return set_seconds(&s->poll_interval, key, value, where);
	if (strcmp(key, "timeout") == 0)
		return set_seconds(&s->timeout, key, value, where);
	if (strcmp(key, "visibility") == 0)
		return set_seconds(&s->visibility, key, value, where);
	if (strcmp(key, "database") == 0)
		set_text(&s->database, value);
	else if (strcmp(key, "signing_secret") == 0)
		set_text(&s->signing_secret, value);
	else if (strcmp(key, "listen") == 0)
		set_text(&s->listen, value);
	else
	{
		say("%s: unknown key \"%s\" (known are database, webhook.CHANNEL, signing_secret, listen, "
			"poll_interval, timeout and visibility)",
			where, key);
		return false;
	}
	return true;
}

static char *
trim(char *words)
{
	char *end = words + strlen(words);

	while (isspace((unsigned char) *words))
		words++;
	while (end > words && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return words;
}

/* --- The file --- */

/*
 * It holds secrets: nobody else may read or write it. Credentials of systemd are guarded by their
 * directory, and an access list there makes the group's bits say more than is true.
 */
static bool private(int fd, const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	mode_t forbidden = S_IRWXG | S_IRWXO;
	struct stat st;

	if (credentials != NULL && *credentials != '\0' &&
		strncmp(path, credentials, strlen(credentials)) == 0)
		forbidden = S_IRWXO | S_IWGRP;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
	{
		say("%s is no file", path);
		return false;
	}
	if ((st.st_mode & forbidden) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
	{
		say("%s can be read or changed by others: chown it to who runs the relay, and chmod 600",
			path);
		return false;
	}
	return true;
}

static bool
read_file(Settings *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file;
	char *line = NULL;
	size_t size = 0;
	bool ok = true;

	if (fd < 0)
	{
		say("%s: %s", path, strerror(errno));
		return false;
	}
	if (!private(fd, path) || (file = fdopen(fd, "r")) == NULL)
	{
		close(fd);
		return false;
	}
	for (int n = 1; ok && getline(&line, &size, file) >= 0; n++)
	{
		char where[300];
		char *key = trim(line);
		char *equals = strchr(key, '=');

		snprintf(where, sizeof(where), "%s, line %d", path, n);
		if (*key == '\0' || *key == '#')
			continue;
		if (equals == NULL)
		{
			say("%s: write key = value", where);
			ok = false;
			break;
		}
		*equals = '\0';
		ok = set(s, trim(key), trim(equals + 1), where);
	}
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
	fclose(file);
	return ok;
}

/* --- The environment --- */

/* PQL_RELAY_WEBHOOKS: pairs CHANNEL=URL, with blanks between them. */
static bool
read_webhooks(Settings *s, const char *pairs)
{
	char *copy = need(strdup(pairs));
	char *rest = copy;
	char *pair;
	bool ok = true;

	while (ok && (pair = strtok_r(rest, " \t\n", &rest)) != NULL)
	{
		char *equals = strchr(pair, '=');

		if (equals == NULL)
		{
			say("PQL_RELAY_WEBHOOKS: write CHANNEL=URL, with blanks between them");
			ok = false;
			break;
		}
		*equals = '\0';
		ok = set_address(s, pair, equals + 1, "PQL_RELAY_WEBHOOKS");
	}
	explicit_bzero(copy, strlen(pairs));
	free(copy);
	return ok;
}

static bool
read_environment(Settings *s)
{
	static const struct
	{
		const char *name;
		const char *key;
	} known[] = {{"PQL_RELAY_DATABASE", "database"}, {"PQL_RELAY_SIGNING_SECRET", "signing_secret"},
				 {"PQL_RELAY_LISTEN", "listen"},     {"PQL_RELAY_POLL_INTERVAL", "poll_interval"},
				 {"PQL_RELAY_TIMEOUT", "timeout"},   {"PQL_RELAY_VISIBILITY", "visibility"}};
	const char *value;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		value = getenv(known[i].name);
		if (value != NULL && !set(s, known[i].key, value, known[i].name))
			return false;
	}
	value = getenv("PQL_RELAY_WEBHOOKS");
	return value == NULL || read_webhooks(s, value);
}

bool
settings_read(Settings *s, const char *file)
{
	*s = (Settings){.poll_interval = 10, .timeout = 15, .visibility = 60};
	s->listen = need(strdup("127.0.0.1:8087"));
	if (file != NULL && !read_file(s, file))
		return false;
	if (!read_environment(s))
		return false;
	if (s->visibility <= s->timeout)
	{
		say("visibility (%d s) must be longer than timeout (%d s): an alert would be given to "
			"another while it is being sent",
			s->visibility, s->timeout);
		return false;
	}
	if (s->num_addresses == 0 && s->signing_secret == NULL)
	{
		say("there is nothing to do: set webhook.CHANNEL = https://… in a file given by --config, "
			"or PQL_RELAY_WEBHOOKS");
		return false;
	}
	return true;
}

void
settings_forget(Settings *s)
{
	forget(&s->database);
	forget(&s->signing_secret);
	forget(&s->listen);
	for (int i = 0; i < s->num_addresses; i++)
	{
		forget(&s->addresses[i].channel);
		forget(&s->addresses[i].url);
	}
	s->num_addresses = 0;
}
