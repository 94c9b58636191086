/*
 * model_cache.h: models compiled once a query, however many rows bring the same document.
 */
#ifndef PQL_MODEL_CACHE_H
#define PQL_MODEL_CACHE_H

#include "fmgr.h"

#include "model.h"

typedef struct PqlCachedModel
{
	PqlModel *model;
	struct varlena *raw;   /* our copy of the datum, compressed as it came */
	const void *last_seen; /* where the caller's copy stood last */
	struct PqlCachedModel *next;
} PqlCachedModel;

typedef struct PqlModelCache
{
	PqlCachedModel *models;
	PqlCachedModel *last;
	MemoryContext context;
} PqlModelCache;

/*
 * The compiled model of a jsonb datum. Models stay until the cache's context goes, so that states
 * may point into them.
 *
 * stable: the caller knows that a document at the same address is the same document (a constant or
 * a parameter within one group), so that a row costs no comparison.
 */
extern PqlModel *pql_model_cached(PqlModelCache *cache, Datum document, bool stable);

#endif
