/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SEEDS_H
#define SANDBOX_SEEDS_H

#include "tests/sandbox/sandbox.h"

/* What is there at the start: two organisations, their agents, and a job of each kind. */

#define SEEDS_JOB_ACTIVE "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define SEEDS_JOB_COMPLETED "job_01KRK1V46BXS73CSNK2VC0MP00"
#define SEEDS_JOB_ERROR "job_01KRK1V46BXS73CSNK2VERR0R0"
#define SEEDS_JOB_ABANDONED "job_01KRK1V46BXS73CSNK2VABAND0"
#define SEEDS_JOB_SLACK "job_01KRK1V46BXS73CSNK2VS1ACK0"
#define SEEDS_JOB_DISCORD "job_01KRK1V46BXS73CSNK2VD1SC0R"
#define SEEDS_JOB_WEB "job_01KRK1V46BXS73CSNK2VWEB000"
#define SEEDS_JOB_LEGACY "j_01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define SEEDS_JOB_OTHER_ORG "job_01KRK1V46BXS73CSNK2V0THER0"

/* Plants them into an empty state. Lock held, or not yet shared. */
void seeds_plant(struct sandbox *sandbox);

#endif
