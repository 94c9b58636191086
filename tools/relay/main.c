/*
 * pql-relay: delivers pql's alerts to Slack and other webhooks, and answers /claim.
 */
#include "relay.h"
#include "server.h"
#include "settings.h"
#include "text.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int stop_pipe[2];

static void
stop(int signal_number)
{
	int saved = errno;

	(void) signal_number;
	if (write(stop_pipe[1], "", 1) < 0)
		errno = saved; /* it is full: we have been told */
	errno = saved;
}

static void
usage(FILE *to)
{
	fputs(
		"pql-relay delivers pql's alerts to Slack and other webhooks, and answers /claim.\n"
		"\n"
		"  pql-relay [--config FILE] [--check]\n"
		"\n"
		"  --config FILE   settings, key = value a line; only its owner may read it\n"
		"  --check         reads the settings, says what is wrong with them, and ends\n"
		"  --version, --help\n"
		"\n"
		"Settings can also come from the environment (PQL_RELAY_…, and PG… for the database), and\n"
		"secrets come in no other way. See README.md.\n",
		to);
}

static void
handle_signals(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
	{
		say("pipe: %s", strerror(errno));
		exit(1);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static int
run(const Settings *settings)
{
	static Health health;
	Server *server = NULL;

	handle_signals();
	srandom((unsigned int) (time(NULL) ^ getpid()));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
	{
		say("libcurl does not start");
		return 1;
	}
	if (settings->listen != NULL && strcmp(settings->listen, "none") != 0 &&
		(server = server_start(settings, &health)) == NULL)
		return 1;
	say("delivering for %d channel%s", settings->num_addresses,
		settings->num_addresses == 1 ? "" : "s");
	relay_run(settings, &health, stop_pipe[0]);
	server_stop(server);
	curl_global_cleanup();
	say("stopped");
	return 0;
}

int
main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	const char *file = NULL;
	bool check = false;
	int status = 0;
	Settings settings;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			file = argv[++i];
		else if (strcmp(argv[i], "--check") == 0)
			check = true;
		else if (strcmp(argv[i], "--version") == 0)
		{
			puts("pql-relay " PQL_VERSION);
			return 0;
		}
		else if (strcmp(argv[i], "--help") == 0)
		{
			usage(stdout);
			return 0;
		}
		else
		{
			usage(stderr);
			return 2;
		}
	}
	/* a core dump would have the secrets in it */
	setrlimit(RLIMIT_CORE, &none);
	if (!settings_read(&settings, file))
		status = 2;
	else if (!check)
		status = run(&settings);
	settings_forget(&settings);
	return status;
}
