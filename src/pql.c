/*
 * pql.c: the module. Everything else has a room of its own.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

/* pql.version() → text, strict: of the library that is loaded, as pql.control says it. */
PG_FUNCTION_INFO_V1(pql_version);
Datum
pql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PQL_VERSION));
}
