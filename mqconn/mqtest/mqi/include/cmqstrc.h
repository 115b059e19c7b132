/*
 * Names of constants, such as MQRC_STR(2033). They are functions of the program, not of the library, so that a program
 * built here imports the verbs alone and can run on the real library as it is. See cmqc.h. This is not IBM's cmqstrc.h.
 */
#ifndef MQI_DOUBLE_CMQSTRC_H
#define MQI_DOUBLE_CMQSTRC_H

#include "cmqc.h"
#include "mqi_names.h" /* made from mq-golang's table when the library is built */

#endif
