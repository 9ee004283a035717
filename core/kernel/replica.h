/* A replica: one copy of the trained parameters, moved along one query's noise. */
#ifndef ZO_REPLICA_H
#define ZO_REPLICA_H

#include <stdint.h>

/* theta + sign * eps * z_query; sign 0: theta itself. */
typedef struct zo_replica {
    int32_t sign;
    uint32_t query;
} zo_replica;

#endif
