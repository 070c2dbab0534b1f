/* What every unit test includes: cmocka, behind the headers that it wants before it. */
#ifndef LIQUIDNET_CHECK_H
#define LIQUIDNET_CHECK_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#endif
