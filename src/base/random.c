/* See random.h. */
#include "base/random.h"

#include <assert.h>
#include <Random123/philox.h>

uint32_t sab_random_bits(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane)
{
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)(index >> 32), lane / 4, (uint32_t)purpose}};
    return philox4x32(counter, key).v[lane % 4];
}

double sab_random_uniform(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane)
{
    return sab_random_bits(seed, purpose, index, lane) * 0x1p-32;
}

uint32_t sab_random_below(uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane, uint32_t n)
{
    assert(n > 0);
    return (uint32_t)(((uint64_t)sab_random_bits(seed, purpose, index, lane) * n) >> 32);
}
