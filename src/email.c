/*
 * email.c: what an e-mail address says of a person and a company.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "compat.h"
#include "email.h"

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *
pql_email_domain(const char *s, int length, int *domain_length)
{
	int end = length;
	int start;
	bool ascii = true;
	char *domain;

	while (end > 0 && is_blank(s[end - 1]))
		end--;
	for (start = end; start > 0 && s[start - 1] != '@'; start--)
	{
		if (is_blank(s[start - 1]))
			return NULL;
		ascii &= !IS_HIGHBIT_SET(s[start - 1]);
	}
	if (start == 0 || start == end)
		return NULL;
	if (!ascii)
		domain = str_tolower(s + start, end - start, DEFAULT_COLLATION_OID);
	else
	{
		domain = pnstrdup(s + start, end - start);
		for (char *p = domain; *p != '\0'; p++)
			*p = pg_ascii_tolower((unsigned char) *p);
	}
	*domain_length = strlen(domain);
	return domain;
}

const char *
pql_email_plain(const char *s, int length, int *plain_length)
{
	bool plain = true;
	char *lower;

	/* blanks, as btrim takes them */
	while (length > 0 && s[length - 1] == ' ')
		length--;
	for (; length > 0 && *s == ' '; s++)
		length--;
	for (int i = 0; i < length && plain; i++)
		plain = !IS_HIGHBIT_SET(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z');
	*plain_length = length;
	if (plain)
		return s;
	lower = str_tolower(s, length, DEFAULT_COLLATION_OID);
	*plain_length = strlen(lower);
	return lower;
}

/*
 * pql.email_host(email text) → text, strict: what stands behind the last @, in lower case. NULL
 * when nothing does, or when there are blanks in it.
 */
PG_FUNCTION_INFO_V1(pql_email_host);
Datum
pql_email_host(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	int length;
	const char *domain = pql_email_domain(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &length);

	if (domain == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(domain, length));
}
