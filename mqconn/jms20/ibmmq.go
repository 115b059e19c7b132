//go:build ibmmq && cgo

package jms20

import (
	_ "github.com/ibm-messaging/mq-golang-jms20/mqjms"
)
