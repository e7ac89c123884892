/* SPDX-License-Identifier: Apache-2.0 */

/*
 * none.c: `hostmap cert` of a build without OpenSSL.
 */

#include "cert.h"

int tool_cert(tool *t)
{
    (void)t;
    return tool_error("cert: this hostmap was built without OpenSSL");
}
