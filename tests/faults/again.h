/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAULTS_AGAIN_H
#define TESTS_FAULTS_AGAIN_H

#include <p11-kit/pkcs11.h>

/*
 * The functions of the module with faults in them (plan.h). A call that one has made fail, with a code that
 * speaks of it, is made again without: a failed call has had no effect, so that a program that knows nothing
 * of all this sees what it would see without. Ends the process where the standard does not list the code, or
 * where an operation goes on that ends with a failure (5.8 to 5.12).
 */
CK_FUNCTION_LIST *faults_list(CK_FUNCTION_LIST *real);

#endif
