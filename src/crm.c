/*
 * crm.c: values as a CRM takes them. In C, for a row has thirty of them, and functions in SQL are
 * taken apart by the planner each time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "day.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* pql.crm_text(said text) → text, strict: without blanks around it; NULL where nothing is left. */
PG_FUNCTION_INFO_V1(pql_crm_text);
Datum
pql_crm_text(PG_FUNCTION_ARGS)
{
	text *said = PG_GETARG_TEXT_PP(0);
	const char *from = VARDATA_ANY(said);
	const char *to = from + VARSIZE_ANY_EXHDR(said);

	/* in encodings of servers these are no part of another character */
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	if (from == to)
		PG_RETURN_NULL();
	if (to - from == VARSIZE_ANY_EXHDR(said))
		PG_RETURN_TEXT_P(said);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(from, to - from));
}

/* pql.crm_instant(at timestamptz) → timestamptz, strict: NULL where it is infinite, or outside of
 * the years 1 to 9999. */
PG_FUNCTION_INFO_V1(pql_crm_instant);
Datum
pql_crm_instant(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);

	if (!PQL_INSTANT_OK(at))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}

/* pql.crm_words(words text[]) → text, strict: joined by ;, in the words a comma. NULLs are left
 * out; NULL: there are none. */
PG_FUNCTION_INFO_V1(pql_crm_words);
Datum
pql_crm_words(PG_FUNCTION_ARGS)
{
	StringInfoData joined;
	Datum *words;
	bool *nulls;
	bool any = false;
	int n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &words, &nulls,
					  &n);
	initStringInfo(&joined);
	for (int i = 0; i < n; i++)
	{
		text *word;
		int start;

		if (nulls[i])
			continue;
		if (any)
			appendStringInfoChar(&joined, ';');
		any = true;
		word = DatumGetTextPP(words[i]);
		start = joined.len;
		appendBinaryStringInfo(&joined, VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word));
		for (int j = start; j < joined.len; j++)
			if (joined.data[j] == ';')
				joined.data[j] = ',';
	}
	if (joined.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(joined.data, joined.len));
}
