/*
 * pql.c: the module. Everything else has a room of its own.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "settings.h"

PG_MODULE_MAGIC;

bool pql_enable_scan = true;
int pql_work_mem = -1;

/* pql.work_mem's default, in work_mem */
#define WORK_MEMS 64

Size
pql_memory_limit(void)
{
	return pql_work_mem >= 0 ? (Size) pql_work_mem * 1024 : (Size) work_mem * 1024 * WORK_MEMS;
}

extern void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomBoolVariable("pql.enable_scan",
							 "Reads event tables page by page where that is possible.",
							 "Off: always by way of the aggregate pql.gather, as where it is not.",
							 &pql_enable_scan, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"pql.work_mem", "Memory that scoring a population may take, in each process.",
		"A population that needs more is scored in several passes over the "
		"events. -1: 64 times work_mem.",
		&pql_work_mem, -1, -1, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	MarkGUCPrefixReserved("pql");
}

/* pql.version() → text, strict: of the library that is loaded, as pql.control says it. */
PG_FUNCTION_INFO_V1(pql_version);
Datum
pql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PQL_VERSION));
}
