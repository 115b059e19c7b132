/* Constants of programmable commands: all constants stand in one file. See cmqc.h. This is not IBM's cmqcfc.h. */
#ifndef MQI_DOUBLE_CMQCFC_H
#define MQI_DOUBLE_CMQCFC_H

#include "cmqc.h"

#endif
