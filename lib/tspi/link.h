/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_LINK_H
#define TSPI_LINK_H

#include <stdbool.h>

#include <tss/platform.h>
#include <tss/tss_defines.h>
#include <tss/tss_typedef.h>
#include <tss/tss_structs.h>
#include <tss/tspi.h>

/*
 * The one TSP context of the process. Whoever wants the chip hands a piece of work to link_run(),
 * which connects if need be, keeps everybody else out meanwhile, and does the work again on a new
 * connection if tcsd has gone away in the middle.
 */
struct link {
	TSS_HCONTEXT context;
	TSS_HTPM tpm;
	TSS_HKEY srk;
};

typedef TSS_RESULT link_work(const struct link *link, void *arg);

/* Returns what the work returned, or why no connection could be had. Logs nothing. */
TSS_RESULT link_run(link_work *work, void *arg);

/* For work that does without the SRK, as a chip without owner has none: link->srk may be 0. */
TSS_RESULT link_run_bare(link_work *work, void *arg);

/* A TSS object that lives as long as the connection, with a policy that holds a secret (or 0). */
struct link_object {
	TSS_HOBJECT handle;
	TSS_HPOLICY policy;
	struct link_object *next, **at;
	struct link_object *next_retired;
	void *memory;
};

/* Both only inside link_run(), or when the connection is closed. */
void link_object_add(struct link_object *object, TSS_HOBJECT handle, TSS_HPOLICY policy);

/* Flushes the secret, closes the object; handle becomes 0. Fine if it is 0 already. */
void link_object_drop(struct link_object *object);

/*
 * Inside link_run(): the connection is closed when the work is done, which takes every key of this
 * process out of the chip. Tspi_Key_UnloadKey would do it for one, but tcsd 0.3.15 cannot evict any
 * key any more once that has been called, until its connection is closed.
 */
void link_expire(void);

/*
 * Inside link_run(): frees whatever libtspi has allocated for this context, which it does not when the
 * context is closed. Tspi_Data_Unbind() forgets a copy of what it decrypts each time. A host that uses
 * libtspi itself may have to do without Tspi_Context_FreeMemory() for what it got before: libtspi loses its
 * list.
 */
void link_free_all(const struct link *link);

/* Inside link_run(): libtspi keeps the last packet of the connection, and in it what was decrypted, drawn or
   handed to the generator, until a larger one comes. Here it comes. */
void link_overwrite_packet(const struct link *link);

/* Outside link_run(): the object is dropped when the chip is next used, and memory, which it lies in,
   freed with it. Never waits. */
void link_object_retire(struct link_object *object, void *memory);

#endif
