/* See utf8.h. */
#include "core/base/utf8.h"

#include <assert.h>

int zo_utf8_decode(const char *s, size_t n, uint32_t *cp)
{
    /* The least code point that a sequence of this many bytes may hold: lower ones are overlong. */
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    unsigned char lead = (unsigned char)s[0];
    int bytes = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (bytes == 0 || (size_t)bytes > n)
        return 0;
    uint32_t value = bytes == 1 ? lead : lead & (0xFFu >> (bytes + 1));
    for (int i = 1; i < bytes; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | ((unsigned char)s[i] & 0x3F);
    }
    if (value < least[bytes] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    if (cp)
        *cp = value;
    return bytes;
}

bool zo_utf8_is_space(uint32_t cp)
{
    static const uint32_t range[][2] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},
                                        {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                                        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                        {0x3000, 0x3000}};
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        if (cp >= range[i][0] && cp <= range[i][1])
            return true;
    return false;
}
