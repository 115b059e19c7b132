package resource_test

import "os"

var terminate = os.Interrupt
