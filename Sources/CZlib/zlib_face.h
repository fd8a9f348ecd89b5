// The system's zlib, for files that are read compressed.
#include <zlib.h>
