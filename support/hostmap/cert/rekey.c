/* SPDX-License-Identifier: Apache-2.0 */

/*
 * rekey.c: `hostmap cert rekey`.
 */

#include "cert.h"

#include "shard.h"

int cert_rekey(tool *t)
{
    const char *dir = t->operands[0];
    certmap_master *master;
    shard_batch batch;

    if (!t->old) {
        return tool_error("rekey: expected --old FILE, the master key before");
    }
    master = map_master(t);
    if (!master) {
        return TOOL_FAILED;
    }
    shard_begin(&batch, t, dir, master);
    batch.reseal = 1;
    if (shard_commit(&batch) != TOOL_DONE) {
        return tool_error("%s: not finished: both master keys are needed "
                          "still; do it again", dir);
    }
    tool_report(t, "%s: %" APR_INT64_T_FMT " names sealed with %s\n", dir,
                batch.resealed, t->master ? t->master : CERT_MASTER_DEFAULT);
    return TOOL_DONE;
}
