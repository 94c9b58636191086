/*
 * crew.c: parallel workers.
 *
 * Everybody keeps what they gather to themselves, and hands over through queues what belongs to
 * others: shared memory holds the job, the counters and the queues only, whatever the population,
 * because containers often have little of it.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "utils/memutils.h"

#include "compat.h"
#include "crew.h"

#define QUEUE_SIZE (256 * 1024)

#define KEY_SHARED UINT64CONST(0x50514C0000000001)
#define KEY_JOB UINT64CONST(0x50514C0000000002)
#define KEY_QUEUES UINT64CONST(0x50514C0000000003)

typedef struct Shared
{
	PqlBoard board;
	pg_atomic_uint32 size; /* 0: not known yet */
	ConditionVariable complete;
	Barrier meeting;
	int asked; /* workers asked for */
	Size job_size;
} Shared;

struct PqlCrew
{
	int size;
	int me;
	Shared *shared;
	Shared alone;
	ParallelContext *context; /* the leader's */
	dsm_segment *segment;
	char *queues; /* NULL: alone */
	shm_mq_handle *to[PQL_MAX_CREW];
	shm_mq_handle *from[PQL_MAX_CREW];
	bool done[PQL_MAX_CREW]; /* has said that nothing more will come */
};

/* There are queues for as many as were asked for. */
static shm_mq *
queue(char *queues, int members, int from, int to)
{
	return (shm_mq *) (queues + (Size) (from * members + to) * QUEUE_SIZE);
}

static void
set_up_board(Shared *shared)
{
	pg_atomic_init_u64(&shared->board.next, 0);
	pg_atomic_init_u64(&shared->board.high, UINT64CONST(1)
												<< 32); /* all: half of a hash tells users apart */
}

PqlCrew *
pql_crew_alone(void)
{
	PqlCrew *crew = palloc0(sizeof(PqlCrew));

	crew->size = 1;
	crew->shared = &crew->alone;
	set_up_board(crew->shared);
	return crew;
}

/* Takes both ends of the queues to and from all others. */
static void
attach(PqlCrew *crew, dsm_segment *segment, char *queues, int members)
{
	for (int other = 0; other < crew->size; other++)
	{
		shm_mq *out = queue(queues, members, crew->me, other);
		shm_mq *in = queue(queues, members, other, crew->me);

		if (other == crew->me)
			continue;
		shm_mq_set_sender(out, MyProc);
		shm_mq_set_receiver(in, MyProc);
		crew->to[other] = shm_mq_attach(out, segment, NULL);
		crew->from[other] = shm_mq_attach(in, segment, NULL);
	}
}

PqlCrew *
pql_crew_hire(int workers, const void *job, Size size)
{
	PqlCrew *crew;
	ParallelContext *context;
	Shared *shared;
	char *place;
	char *queues;
	int members;

	workers = Min(workers, PQL_MAX_CREW - 1);
	if (workers <= 0)
		return pql_crew_alone();
	crew = palloc0(sizeof(PqlCrew));
	EnterParallelMode();
	context = CreateParallelContext("pql", "pql_crew_main", workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(Shared));
	shm_toc_estimate_chunk(&context->estimator, size);
	shm_toc_estimate_chunk(&context->estimator, (Size) (workers + 1) * (workers + 1) * QUEUE_SIZE);
	shm_toc_estimate_keys(&context->estimator, 3);
	InitializeParallelDSM(context);
	if (context->nworkers == 0)
	{
		/* no shared memory was to be had */
		DestroyParallelContext(context);
		ExitParallelMode();
		pfree(crew);
		return pql_crew_alone();
	}
	members = context->nworkers + 1;

	shared = shm_toc_allocate(context->toc, sizeof(Shared));
	set_up_board(shared);
	pg_atomic_init_u32(&shared->size, 0);
	ConditionVariableInit(&shared->complete);
	shared->asked = context->nworkers;
	shared->job_size = size;
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	place = shm_toc_allocate(context->toc, size);
	memcpy(place, job, size);
	shm_toc_insert(context->toc, KEY_JOB, place);
	queues = shm_toc_allocate(context->toc, (Size) members * members * QUEUE_SIZE);
	for (int from = 0; from < members; from++)
		for (int to = 0; to < members; to++)
			(void) shm_mq_create(queue(queues, members, from, to), QUEUE_SIZE);
	shm_toc_insert(context->toc, KEY_QUEUES, queues);

	LaunchParallelWorkers(context);
	crew->context = context;
	crew->shared = shared;
	crew->me = 0;
	crew->queues = queues;
	crew->segment = context->seg;
	return crew;
}

void
pql_crew_assemble(PqlCrew *crew)
{
	Shared *shared = crew->shared;

	if (crew->queues == NULL)
		return;
	if (crew->me == 0)
	{
		/* nobody waits for one that never came */
		WaitForParallelWorkersToAttach(crew->context);
		crew->size = crew->context->nworkers_launched + 1;
		BarrierInit(&shared->meeting, crew->size);
		pg_atomic_write_u32(&shared->size, crew->size);
		ConditionVariableBroadcast(&shared->complete);
	}
	else
	{
		ConditionVariablePrepareToSleep(&shared->complete);
		while (pg_atomic_read_u32(&shared->size) == 0)
			ConditionVariableSleep(&shared->complete, PG_WAIT_EXTENSION);
		ConditionVariableCancelSleep();
		crew->size = pg_atomic_read_u32(&shared->size);
	}
	attach(crew, crew->segment, crew->queues, shared->asked + 1);
}

void
pql_crew_dismiss(PqlCrew *crew)
{
	if (crew->context == NULL)
		return;
	WaitForParallelWorkersToFinish(crew->context);
	DestroyParallelContext(crew->context);
	ExitParallelMode();
	crew->context = NULL;
}

extern PGDLLEXPORT void pql_crew_main(dsm_segment *segment, shm_toc *toc);

void
pql_crew_main(dsm_segment *segment, shm_toc *toc)
{
	PqlCrew *crew = palloc0(sizeof(PqlCrew));

	crew->shared = shm_toc_lookup(toc, KEY_SHARED, false);
	crew->me = ParallelWorkerNumber + 1;
	crew->queues = shm_toc_lookup(toc, KEY_QUEUES, false);
	crew->segment = segment;
	pql_score_work(crew, shm_toc_lookup(toc, KEY_JOB, false), crew->shared->job_size);
}

int
pql_crew_size(const PqlCrew *crew)
{
	return crew->size;
}

int
pql_crew_me(const PqlCrew *crew)
{
	return crew->me;
}

PqlBoard *
pql_crew_board(PqlCrew *crew)
{
	return &crew->shared->board;
}

void
pql_crew_meet(PqlCrew *crew)
{
	if (crew->size > 1)
		BarrierArriveAndWait(&crew->shared->meeting, PG_WAIT_EXTENSION);
}

/* ---- messages ---- */

/* The message that nothing more will come. All others are longer. */
static const char done = 'D';

/* A queue's other end is gone: its owner failed. */
static void
lost(PqlCrew *crew)
{
	if (crew->context != NULL)
		WaitForParallelWorkersToFinish(crew->context); /* raises the worker's own error */
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("lost connection to a parallel worker")));
}

static void
rest(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
pql_crew_poll(PqlCrew *crew, PqlTakeMessage take, void *state)
{
	for (int other = 0; other < crew->size; other++)
	{
		if (other == crew->me || crew->done[other])
			continue;
		for (;;)
		{
			Size size;
			void *bytes;
			shm_mq_result result = shm_mq_receive(crew->from[other], &size, &bytes, true);

			if (result == SHM_MQ_WOULD_BLOCK)
				break;
			if (result != SHM_MQ_SUCCESS)
			{
				/* a fellow worker that has ended; had it failed, the leader would end us all */
				if (crew->me == 0 || other == 0)
					lost(crew);
				crew->done[other] = true;
				break;
			}
			if (size == sizeof(done))
			{
				crew->done[other] = true;
				break;
			}
			take(state, other, bytes, size);
		}
	}
}

void
pql_crew_send(PqlCrew *crew, int to, const void *bytes, Size size, PqlTakeMessage take, void *state)
{
	for (;;)
	{
		shm_mq_result result = shm_mq_send(crew->to[to], size, bytes, true, true);

		if (result == SHM_MQ_SUCCESS)
			return;
		if (result != SHM_MQ_WOULD_BLOCK)
			lost(crew);
		pql_crew_poll(crew, take, state);
		rest();
	}
}

void
pql_crew_done(PqlCrew *crew, int to, PqlTakeMessage take, void *state)
{
	for (int other = 0; other < crew->size; other++)
		if (other != crew->me && (to < 0 || other == to))
			pql_crew_send(crew, other, &done, sizeof(done), take, state);
}

void
pql_crew_wait_done(PqlCrew *crew, int from, PqlTakeMessage take, void *state)
{
	for (;;)
	{
		bool all = true;

		pql_crew_poll(crew, take, state);
		for (int other = 0; other < crew->size; other++)
			if (other != crew->me && (from < 0 || other == from))
				all &= crew->done[other];
		if (all)
			break;
		rest();
	}
	for (int other = 0; other < crew->size; other++)
		if (from < 0 || other == from)
			crew->done[other] = false;
}
