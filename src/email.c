/*
 * email.c: what an e-mail address says of a person and a company.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "compat.h"

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
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
	const char *s = VARDATA_ANY(email);
	int end = VARSIZE_ANY_EXHDR(email);
	int start;
	bool ascii = true;
	text *host;

	while (end > 0 && is_blank(s[end - 1]))
		end--;
	for (start = end; start > 0 && s[start - 1] != '@'; start--)
	{
		if (is_blank(s[start - 1]))
			PG_RETURN_NULL();
		ascii &= !IS_HIGHBIT_SET(s[start - 1]);
	}
	if (start == 0 || start == end)
		PG_RETURN_NULL();
	if (!ascii)
	{
		char *lower = str_tolower(s + start, end - start, DEFAULT_COLLATION_OID);

		PG_RETURN_TEXT_P(cstring_to_text(lower));
	}
	host = cstring_to_text_with_len(s + start, end - start);
	for (char *p = VARDATA(host); p < (char *) host + VARSIZE(host); p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	PG_RETURN_TEXT_P(host);
}
