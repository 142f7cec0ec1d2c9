// What CTranslate2's primitives call.
#pragma once

#include "few_rows.h"
#include "halves.h"
