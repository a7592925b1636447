// memcpy, memmove, memset and memcmp are called by compiled code; nobody needs their declarations.
#ifndef MEMORY_ROUTINES_H
#define MEMORY_ROUTINES_H
#endif
