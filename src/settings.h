/*
 * settings.h: what a session can set.
 */
#ifndef PQL_SETTINGS_H
#define PQL_SETTINGS_H

/* pql.enable_scan: read tables page by page where that is possible. */
extern bool pql_enable_scan;

/* pql.work_mem in kB, per process; -1: 64 times work_mem. */
extern int pql_work_mem;

/* The same in bytes, with -1 resolved. */
extern Size pql_memory_limit(void);

#endif
