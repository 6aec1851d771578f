/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TSPI_WIRE_H
#define TSPI_WIRE_H

/*
 * libtspi's socket to tcsd, which it tells nobody of: found among the descriptors of the process as the
 * one that is connected to tcsd's port and was not before.
 */

/* Before libtspi connects. */
void wire_expect(void);

/* Afterwards: a program that the host starts does not inherit it. */
void wire_found(void);

/* Or, where it could not connect: it has closed its socket itself. */
void wire_none(void);

/* From any thread, in the midst of work: whoever waits at the socket learns that nothing more will come. */
void wire_cut(void);

/* Around Tspi_Context_Close(), which leaves the socket open where tcsd had gone. What wire_copy() gives
   is for wire_end(). */
int wire_copy(void);
void wire_end(int copy);

/* In the child after a fork: an inherited socket would keep its place in tcsd when the parent has long
   closed the connection. */
void wire_forget(void);

#endif
