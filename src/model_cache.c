/*
 * model_cache.c: models compiled once a query.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "model_cache.h"

static bool
same_document(const Jsonb *a, const Jsonb *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static PqlCachedModel *
compile(PqlModelCache *cache, Jsonb *document)
{
	/* a context of its own, so that nothing stays of a model that turns out to be wrong */
	MemoryContext own = AllocSetContextCreate(cache->context, "pql model", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	PqlCachedModel *cached = palloc0(sizeof(PqlCachedModel));

	PG_TRY();
	{
		cached->document = palloc(VARSIZE(document));
		memcpy(cached->document, document, VARSIZE(document));
		cached->model = pql_model_from_jsonb(cached->document);
	}
	PG_CATCH();
	{
		/* the error's texts were copied by ereport */
		MemoryContextSwitchTo(old);
		MemoryContextDelete(own);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	cached->next = cache->models;
	cache->models = cached;
	return cached;
}

PqlModel *
pql_model_cached(PqlModelCache *cache, Datum datum, bool stable)
{
	const void *pointer = DatumGetPointer(datum);
	PqlCachedModel *found;
	Jsonb *document;

	if (stable && cache->last != NULL && cache->last->last_seen == pointer)
		return cache->last->model;
	document = DatumGetJsonbP(datum);
	if (cache->last != NULL && same_document(cache->last->document, document))
		found = cache->last;
	else
		for (found = cache->models; found != NULL; found = found->next)
			if (same_document(found->document, document))
				break;
	if (found == NULL)
		found = compile(cache, document);
	if ((const void *) document != pointer)
		pfree(document);
	found->last_seen = pointer;
	cache->last = found;
	return found->model;
}
